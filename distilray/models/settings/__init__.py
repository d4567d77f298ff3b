"""Settings of models: what all kinds have, and the kinds whose engines are costly to import."""
