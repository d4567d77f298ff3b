"""Recipes: the YAML that users write, or the same built in Python; parsed and checked once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
