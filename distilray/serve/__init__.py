"""Serve: students behind an OpenAI-compatible API, and a chat in the terminal.

``serve`` hosts a run's student on this machine; ``distilray.serve.inference.app:build`` is the same application for
``serve run`` and ``serve deploy`` (cluster/serve/student.yaml). ``chat`` talks to a student, served or not.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
