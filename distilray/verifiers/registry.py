"""Verifiers by their kind, built in or supplied by users: everything that lists kinds is derived from here.

A verifier is a plain function. A recipe, or ``distilray verify --kind``, names a user's own as ``package.module:name``:

    # my_package.py                                        # recipe.yaml
    def close_to(answer, reference, *, within=0.1):        - check: {reference: my_package:close_to}
        off = abs(float(answer) - float(reference))
        return Verdict(off <= within, f"off by {off:g}")

It is called in a worker process with the answer's text, the row's reference and keyword settings, and returns a
:class:`Verdict`; what it raises makes the verdict undecided.
"""

from __future__ import annotations

import atexit
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from distilray.imports import import_object
from distilray.verifiers.choice import verify_choice
from distilray.verifiers.formats import load_ifeval, verify_format
from distilray.verifiers.language import verify_language
from distilray.verifiers.maths import load_math_verify, verify_maths
from distilray.verifiers.numeric import numeric_equal
from distilray.verifiers.programs import code_deadline_s, verify_code
from distilray.verifiers.refusal import verify_refusal
from distilray.verifiers.sandbox.client import Sandbox
from distilray.verifiers.verdict import Verdict, undecided


@dataclass(frozen=True)
class Verifier:
    """A verifying function and what its caller has to know."""

    check: Callable[..., Verdict]
    """``(answer, reference, **settings)``."""
    compares: bool = False
    """Whether it compares an answer with a row's reference, so that steps and benchmarks may name it."""
    quick: bool = False
    """Whether it takes microseconds, so that it may run on an event loop."""
    sandboxed: bool = False
    """Whether it needs the sandbox, which it then gets as the keyword ``sandbox``."""
    needs_reference: bool = True
    deadline_s: Callable[[Mapping[str, Any]], float] | None = None
    """From settings to seconds, for one that keeps its own time; None: the pool's deadline, enforced by the worker."""
    load: Callable[[Any], None] | None = None
    """Imports what it needs for a reference, before its time starts to count."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the keyword arguments that it takes."""
        parameters = list(inspect.signature(self.check).parameters.values())[2:]
        named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return tuple(one.name for one in parameters if one.kind in named and one.name != "sandbox")


VERIFIERS: dict[str, Verifier] = {
    "numeric": Verifier(numeric_equal, compares=True, quick=True),
    "math": Verifier(verify_maths, compares=True, load=load_math_verify),
    "code": Verifier(verify_code, compares=True, sandboxed=True, deadline_s=code_deadline_s),
    "choice": Verifier(verify_choice, compares=True),
    "format": Verifier(verify_format, load=load_ifeval),
    "language": Verifier(verify_language),
    "refusal": Verifier(verify_refusal, needs_reference=False),
}

KINDS = tuple(VERIFIERS)
COMPARING = tuple(name for name, verifier in VERIFIERS.items() if verifier.compares)
"""Kinds that compare an answer with a row's reference."""

_sandbox: Sandbox | None = None


def verifier_of(kind: str) -> Verifier:
    """The verifier of a kind, or the one that ``package.module:name`` names. Raises ValueError if there is none."""
    if kind in VERIFIERS:
        return VERIFIERS[kind]
    if ":" not in kind:
        raise ValueError(f"there is no verifier {kind!r}; {choices(KINDS)}")
    return _brought(kind)


def choices(names: tuple[str, ...]) -> str:
    """The valid alternatives, for an error's text."""
    return f"known are {', '.join(names)}, or your own function as package.module:name"


@cache
def _brought(place: str) -> Verifier:
    try:
        check = import_object(place)
    except ImportError as error:
        remedy = "it must be importable where the driver and its workers run"
        raise ValueError(f"the verifier {place!r} cannot be imported: {error}; {remedy}") from error
    if not callable(check):
        raise ValueError(f"{place!r} is {check!r}, not a function (answer, reference, **settings) -> Verdict")
    return Verifier(cast(Callable[..., Verdict], check), compares=True)


def verify_now(kind: str, answer: str, reference: Any, **settings: Any) -> Verdict:
    """Decide in this process, for as long as it takes. `settings` are the keyword arguments of the kind's verifier.

    Raises ValueError for an unknown kind. A check that may run long or meet hostile input belongs in a VerifierPool.
    """
    verifier = verifier_of(kind)
    if verifier.needs_reference and reference is None:
        return undecided("no reference")
    if isinstance(reference, float) and math.isnan(reference):
        return undecided("the reference is nan, which is no value")
    if verifier.sandboxed:
        settings["sandbox"] = _the_sandbox()
    verdict = verifier.check(answer, reference, **settings)
    if not isinstance(verdict, Verdict):
        raise TypeError(f"{kind} returned {verdict!r}, not a Verdict")
    return verdict


def _the_sandbox() -> Sandbox:
    global _sandbox
    if _sandbox is None:
        _sandbox = Sandbox()
        atexit.register(_sandbox.close)
    return _sandbox
