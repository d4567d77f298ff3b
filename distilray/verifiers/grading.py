"""Grading: one call for every comparison of an answer with a reference, and the settings that say how.

    verdict = await grade("math", r"... so \\boxed{\\frac34}", "0.75")
    verdict.right, verdict.reason       # True, "\\frac34 equals 0.75"

A process grades everything through one pool of workers, started on first use; its workers die with the process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BeforeValidator

from distilray.verifiers.pool import VerifierPool
from distilray.verifiers.registry import COMPARING, VERIFIERS, choices, verifier_of, verify_now
from distilray.verifiers.verdict import Verdict


@cache
def _pool(process: int) -> VerifierPool:
    return VerifierPool(workers=max(1, (os.cpu_count() or 2) // 2))


async def grade(kind: str, answer: str, reference: Any, **settings: Any) -> Verdict:
    """The verdict of the verifier ``kind`` (or ``package.module:name``): in this process if it is quick, else from the
    pool.

    Raises ValueError for an unknown kind; any problem with an answer or a reference is a verdict.
    """
    if kind in VERIFIERS and VERIFIERS[kind].quick:
        return verify_now(kind, answer, reference, **settings)
    return await _pool(os.getpid()).verify(kind, answer, reference, **settings)


def comparison(*words: str) -> BeforeValidator:
    """Validates a setting that names how answers are compared with references: a kind that compares, one of ``words``
    (``none``, ``by_task``), or a user's own verifier as ``package.module:name`` or ``{uses: package.module:name}``.
    """
    names = (*COMPARING, *words)

    def validated(value: Any) -> str:
        if isinstance(value, Mapping) and set(value) == {"uses"}:
            value = value["uses"]
        if not isinstance(value, str) or (value not in names and ":" not in value):
            raise ValueError(f"{value!r} does not name a comparison; {choices(names)}")
        if value not in words:
            verifier_of(value)
        return value

    return BeforeValidator(validated)


COMPARISONS = f"{', '.join(COMPARING)}, or your own function as package.module:name"
"""The valid values of such a setting, for its description."""
