"""How a model and its rows are shared between workers."""
