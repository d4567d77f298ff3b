"""Planning, before anything starts: the phases of a recipe, the machines they need, and the memory."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
