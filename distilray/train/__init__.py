"""Training: Ray Train launchers that turn kept rows into a student, one Hugging Face checkpoint per training.

Importing this package imports neither torch nor Ray: recipes embed its settings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
