"""The practice world: generated problems whose truth is known, and the tiny models that play its roles.

What a recipe uses by name (``uses: distilray.practice:problems``) needs no torch; training and measuring
import it when they are called.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
