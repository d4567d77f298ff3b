"""Recipes: the YAML that users write, read once and understood, and the plan that it comes to."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
