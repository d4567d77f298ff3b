"""Settings of models: what all kinds have, and the kinds whose engines are slow to import."""
