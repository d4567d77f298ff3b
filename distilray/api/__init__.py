"""The Python API: run a recipe, plan it, and look at what a run has left."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
