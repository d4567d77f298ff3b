"""One pool of verifiers for everything in a process, and the cheap checks that need none."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

from distilray.verifiers.pool import VerifierPool
from distilray.verifiers.verdict import Verdict

_EASTERN = re.compile("[぀-ヿ一-鿿㐀-䶿가-힯]")
_WORD = re.compile(r"[A-Za-zÀ-ɏ]{2,}")


@cache
def _pool(process: int) -> VerifierPool:
    return VerifierPool(workers=max(1, (os.cpu_count() or 2) // 2))


async def verify(kind: str, answer: str, reference: Any, **settings: Any) -> Verdict:
    """A verdict from this process's own pool, started on first use; its workers die with the process."""
    return await _pool(os.getpid()).verify(kind, answer, reference, **settings)


def same_language(text: str, language: str) -> bool:
    """Whether ``text`` can be an answer in ``language``, by script: formulas and code are in every language.

    Only ``zh`` and the languages of Latin script are told apart; anything else passes. Cheap enough for an event loop.
    """
    eastern = len(_EASTERN.findall(text))
    words = len(_WORD.findall(text))
    if language == "zh":
        return eastern > 0 or words < 8
    if language in ("ja", "ko"):
        return True
    return eastern * 2 <= words or eastern < 4
