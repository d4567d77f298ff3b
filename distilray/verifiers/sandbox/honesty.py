"""Comparisons that an object cannot talk round: values that claim to equal everything are refused.

Test code is rewritten before it runs (coding/hardening.py). Both sides of a comparison, and what is given to
`assert...` methods, pass `honest`, which raises for a liar and hands on anything else; these methods are looked up
where a program cannot have replaced them; names of builtins mean the builtins, whatever the program calls by these
names.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from distilray.verifiers.sandbox import trusted

# Held here: a program may replace the builtins of the same names.
_bool, _id, _isinstance, _map, _set, _type = bool, id, isinstance, map, set, type
_PLAIN = {int, float, complex, bool, str, bytes, type(None), range, slice, type(Ellipsis)}
_ITEMS: tuple[tuple[Any, Any], ...] = (
    (dict, dict.values),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
    (deque, deque.__iter__),
)
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__gt__")
_SLOT, _METHOD, _MISSING = type(object.__eq__), type(str.lower), type(None)
_NOTHING = object()
_UNLIKE = (
    (12345.625, -98765.5),
    (7919, -104729),
    ("\x00one", "\x01other"),
    ([_NOTHING], [_NOTHING, _NOTHING]),
    ((_NOTHING,), (_NOTHING, _NOTHING)),
    ({_NOTHING: 1}, {_NOTHING: 2}),
    (None, _NOTHING),
)
_LEAST, _MOST = float("-inf"), float("inf")
HONEST, ARGUMENT, METHOD_OF = "<trusted> honest", "<trusted> argument", "<trusted> method"
TRUSTED = "<trusted> builtin "
"""Names of the helpers in hardened code; no program can use them by writing them down."""


def honest(value: Any) -> Any:
    """`value` itself. Raises AssertionError if it, or something in it, claims to equal things that differ."""
    if _type(value) in _PLAIN:
        return value
    waiting, seen = [value], _set()
    while waiting:
        one = waiting.pop()
        kind = _type(one)
        if kind in _PLAIN or _id(one) in seen:
            continue
        seen.add(_id(one))
        for container, items in _ITEMS:
            if _isinstance(one, container):
                if not _set(_map(_type, items(one))) <= _PLAIN:
                    waiting.extend(items(one))
                break
        if _decides_itself(kind) and _claims_everything(one):
            raise AssertionError(f"a {kind.__name__} claims to equal everything")
    return value


def argument(value: Any) -> Any:
    """`honest`, for what an assertion is given: computing it may have replaced what assertions work with."""
    trusted.restore_assertions()
    return honest(value)


def method_of(owner: Any, name: str) -> Any:
    trusted.restore_assertions()
    return getattr(owner, name)


def _decides_itself(kind: type) -> bool:
    return any(_type(getattr(kind, name, None)) is not _SLOT for name in _COMPARISONS) or _contains_itself(kind)


def _contains_itself(kind: type) -> bool:
    return _type(getattr(kind, "__contains__", None)) not in (_SLOT, _METHOD, _MISSING)


def _claims_everything(one: Any) -> bool:
    if _holds(lambda: one == _NOTHING) or (_contains_itself(_type(one)) and _holds(lambda: _NOTHING in one)):
        return True
    if any(_holds(lambda a=a: one == a) and _holds(lambda b=b: one == b) for a, b in _UNLIKE):
        return True
    return _holds(lambda: one < _LEAST) or _holds(lambda: one > _MOST)


def _holds(claim: Any) -> bool:
    try:
        return _bool(claim())
    except BaseException:  # it refuses such a comparison, as honest objects do
        return False


def helpers() -> dict[str, Any]:
    """What hardened code refers to, for the namespace that it runs in."""
    own = {HONEST: honest, ARGUMENT: argument, METHOD_OF: method_of}
    return {**own, **{TRUSTED + name: value for name, value in trusted.CORE.items()}}
