"""Evaluation: benchmarks answered through engine pools; accuracy with its standard error and mean output tokens."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
