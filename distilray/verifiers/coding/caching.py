"""A cache for functions of code: the same tests and programs come again at once; long ones are not kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def kept_lately(count: int, characters: int) -> Callable[[Function], Function]:
    """Keep the last `count` results for first arguments of up to `characters`; so memory stays bounded."""

    def keeping(function: Any) -> Any:
        kept = lru_cache(maxsize=count)(function)

        @wraps(function)
        def call(code: str, *more: Any) -> Any:
            return (kept if len(code) <= characters else function)(code, *more)

        return call

    return keeping
