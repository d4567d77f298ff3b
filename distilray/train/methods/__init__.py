"""Training methods: one class each, and the registry that names them."""
