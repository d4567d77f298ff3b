"""The runner: passes rows through stages on a Ray cluster, and resumes where it was stopped.

What needs Ray loads on first use, so that reading a recipe stays fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
