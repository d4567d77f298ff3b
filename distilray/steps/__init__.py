"""Steps: one file per step, with its settings and what it does to one row."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
