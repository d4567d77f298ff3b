"""The Python API: run a recipe, plan it, and inspect a run's results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
