"""The formats of files: JSON lines, JSON documents, Parquet, Arrow; each a stream of records with their positions."""
