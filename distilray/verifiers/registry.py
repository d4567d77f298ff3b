"""A verifier by its kind. One sandbox serves all code checks of a process."""

from __future__ import annotations

import atexit
from typing import Any

from distilray.verifiers.choice import verify_choice
from distilray.verifiers.formats import verify_format
from distilray.verifiers.language import verify_language
from distilray.verifiers.maths import verify_maths
from distilray.verifiers.numeric import numeric_equal
from distilray.verifiers.programs import verify_code
from distilray.verifiers.refusal import verify_refusal
from distilray.verifiers.sandbox.client import Sandbox
from distilray.verifiers.verdict import Verdict, undecided

KINDS = ("math", "code", "choice", "format", "language", "refusal", "numeric")

_sandbox: Sandbox | None = None


def verify_now(kind: str, answer: str, reference: Any, **settings: Any) -> Verdict:
    """Decide in this process, for as long as it takes. `settings` are the keyword arguments of the kind's verifier.

    Raises ValueError for an unknown kind. A check that may run long or meet hostile input belongs in a VerifierPool.
    """
    if kind == "refusal":
        return verify_refusal(answer, reference, **settings)
    if kind not in KINDS:
        raise ValueError(f"there is no verifier of kind {kind!r}; the kinds are {', '.join(KINDS)}")
    if reference is None:
        return undecided("no reference")
    return _verify(kind, answer, reference, settings)


def _verify(kind: str, answer: str, reference: Any, settings: dict[str, Any]) -> Verdict:
    if kind == "math":
        return verify_maths(answer, reference, **settings)
    if kind == "code":
        return verify_code(answer, reference, sandbox=_the_sandbox(), **settings)
    if kind == "choice":
        return verify_choice(answer, reference, **settings)
    if kind == "format":
        return verify_format(answer, reference, **settings)
    if kind == "language":
        return verify_language(answer, reference, **settings)
    return numeric_equal(answer, str(reference), **settings)


def _the_sandbox() -> Sandbox:
    global _sandbox
    if _sandbox is None:
        _sandbox = Sandbox()
        atexit.register(_sandbox.close)
    return _sandbox
