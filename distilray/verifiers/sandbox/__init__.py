"""Runs Python programs that nobody trusts. `Sandbox().run(job)` gives a `RunResult`; `protections()` says how safe."""

from distilray.verifiers.sandbox.client import RunResult, Sandbox
from distilray.verifiers.sandbox.limits import Limits
from distilray.verifiers.sandbox.protections import protections

__all__ = ["Limits", "RunResult", "Sandbox", "protections"]
