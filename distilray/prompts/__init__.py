"""Prompts: templates in English and Chinese, each with the strict parser of its reply."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
