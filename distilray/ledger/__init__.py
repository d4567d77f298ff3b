"""The ledger: a run's record. Where its files lie, who may write them, what became of every row."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
