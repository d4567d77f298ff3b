"""Runs Python programs that nobody trusts. `Sandbox().run(job)` gives a `RunResult`; `protections()` says how safe."""

from .client import RunResult, Sandbox
from .limits import Limits
from .protections import protections

__all__ = ["Limits", "RunResult", "Sandbox", "protections"]
