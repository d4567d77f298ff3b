"""From rows to token files to batches."""
