"""The driver: executes a recipe, from its sources to an evaluated student, under the run's lease."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
