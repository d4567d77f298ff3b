"""Asking engines for the log-probabilities that a training needs."""
