"""Models: engine pools on Ray actors and endpoints, behind one interface.

A driver starts :class:`EnginePools`; each runner asks through a :class:`PoolClient` made from the pools' handles.
The names that need Ray load on first use, so that steps, which know only requests and replies, never import it.
A kind of model is one file (settings and engine) and one line in :mod:`distilray.models.registry`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
