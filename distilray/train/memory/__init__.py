"""Memory and arithmetic that a training needs."""
