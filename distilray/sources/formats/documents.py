"""JSON documents: an array of records, or one of the shapes of :mod:`distilray.sources.formats.shapes`, however long.

Positions count records from 1. What is keyed by ids keeps the key as ``id``, unless the record has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from distilray.sources.files import SourceFile
from distilray.sources.formats.decoding import FIX_JSON
from distilray.sources.formats.elements import elements
from distilray.sources.formats.malformed import COPY_AGAIN, Found, Malformed, Unreadable, rest_of_file
from distilray.sources.formats.scanner import Broken, Cut, Scanner
from distilray.sources.formats.shapes import Shape, go_to, other_lists, shape_of
from distilray.sources.formats.streams import text_chunks
from distilray.sources.settings import Source

_ENDED = object()


def read_document(source: Source, place: str, file: SourceFile) -> Found:
    """The records of ``file``. Raises :class:`SourceError` if it holds several lists of them and none is named."""

    def opened() -> Scanner:
        return Scanner(text_chunks(place, file))

    shape = shape_of(source, place, opened())
    if shape.kind == "columns" and shape.why:
        return iter([(1, rest_of_file(f"not JSON, so its columns are not known: {shape.why}", FIX_JSON))])
    if shape.kind == "columns":
        return _records([(name, _member(opened(), name, resume=False)) for name in shape.names])
    if shape.kind == "nested":
        shape = _below(source, place, shape, opened())
    if shape.kind == "member":
        return _member(opened(), *shape.names, only=not shape.why)
    return _all(opened(), shape)


def _below(source: Source, place: str, shape: Shape, scanner: Scanner) -> Shape:
    """Where the records are, if those of ``scanner`` are not the values of its outermost object."""
    go_to(scanner, shape.names[0])
    below = shape_of(source, place, scanner)
    if below.kind in ("member", "keyed"):
        return Shape("member", (*shape.names, *below.names), shape.why or below.why)
    return Shape("keyed", why=shape.why)


def _all(scanner: Scanner, shape: Shape) -> Found:
    if shape.kind == "sequence":
        return elements(scanner)
    scanner.take(b"{")
    return elements(scanner, b"}", outermost=True)


def _member(scanner: Scanner, *path: str, resume: bool = True, only: bool = True) -> Found:
    """The values in the array, or in the object, at ``path``; ``only``: it is known that none follow elsewhere."""
    name = ".".join(path)
    try:
        for key in path:
            go_to(scanner, key)
        close = b"]" if scanner.peek() == b"[" else b"}"
        scanner.at += 1
    except Unreadable as error:
        yield 1, error.rest()
    except Broken as error:
        remedy = COPY_AGAIN if isinstance(error, Cut) else FIX_JSON
        yield 1, rest_of_file(f"not JSON before the records under {name!r}: {error.why}", remedy)
    else:
        position, value = 0, None
        for position, value in elements(scanner, close, resume=resume):
            yield position, value
        if not isinstance(value, Malformed) or (value.records is not None and not _is_read(scanner)):
            yield from _after(scanner, path, position, only)


def _is_read(scanner: Scanner) -> bool:
    """Whether nothing is left, as after a last record without an end."""
    try:
        return not scanner.peek()
    except Unreadable:
        return False


def _after(scanner: Scanner, path: tuple[str, ...], position: int, only: bool) -> Found:
    """Says so if what follows the list at ``path`` shows that its end was none, or holds other records."""
    name = ".".join(path)
    try:
        others = [other for _ in path for other in other_lists(scanner)]
    except Unreadable as error:
        yield position + 1, error.rest()
    except Cut:
        yield position + 1, rest_of_file(f"it is cut short after the list under {name!r}", COPY_AGAIN)
    except Broken as error:
        yield position + 1, rest_of_file(f"not JSON after the list under {name!r}: {error.why}", FIX_JSON)
    else:
        if others and not only:
            why = f"more lists of records follow, {', '.join(others)}"
            yield position + 1, rest_of_file(why, "Name one of the lists as `split`")


def _records(columns: list[tuple[str, Found]]) -> Found:
    """Records of columns that are read side by side. One column that cannot be read further ends them all."""
    names = [name for name, _ in columns]
    for position, values in enumerate(zip_longest(*(_values(found) for _, found in columns), fillvalue=_ENDED), 1):
        bad = next((value for value in values if isinstance(value, Malformed)), None)
        if bad is not None:
            yield position, bad
            if bad.records is None:
                return
            continue
        short = [name for name, value in zip(names, values, strict=True) if value is _ENDED]
        if short:
            why = f"the column {short[0]!r} is shorter than others; it has {position - 1} values"
            yield position, Malformed(why, "", FIX_JSON)
        else:
            yield position, dict(zip(names, values, strict=True))


def _values(found: Found) -> Iterator[Any]:
    for _, value in found:
        yield value
