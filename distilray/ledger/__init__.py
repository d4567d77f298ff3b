"""The ledger: a run's record. Where its files are, who may write them, and the outcome of every row."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
