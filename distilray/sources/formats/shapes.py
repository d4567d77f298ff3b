"""What a JSON document that begins with an object holds, by the kinds of values under its keys.

{"data": [{...}, ...]}, {"train": [{...}, ...]}         records under one key
{"version": "1", "data": {"train": [{...}, ...]}}       records of one or several splits, or keyed by ids, below "data"
{"q0": {...}, "q1": {...}}                              records keyed by their ids
{"c0": [{"role": ...}, ...], "c1": [...]}               conversations keyed by their ids
{"instruction": ["Hi", ...], "output": ["Yes", ...]}    columns
{"instruction": "Hi", "output": "Yes"} {...} ...        records, one after another
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from distilray.sources.formats.decoding import decoded
from distilray.sources.formats.malformed import Unreadable
from distilray.sources.formats.scanner import Broken, Scanner
from distilray.sources.forms import CHOSEN, INSTRUCTION, REJECTED, TURNS
from distilray.sources.settings import Source, SourceError

Kind = Literal["records", "turns", "lists", "object", "other"]
"""Of a value: an array of objects, or an empty one; one of turns; another array; an object; anything else."""
_LISTS = ("records", "turns")
_OF_TURNS = ({"role", "content"}, {"from", "value"})
"""Keys of a turn."""
_PARTS = ({"columns", "index", "data"}, {"columns", "data"})
"""The keys of a table in parts, as pandas writes it with ``orient="split"``."""
_TURNS = {*TURNS, *CHOSEN, *REJECTED, "prompt", "completion"}
"""What may be a list of turns within one record."""

MOST_NAMES = 12
"""Lists that an error names."""


@dataclass(frozen=True, slots=True)
class Shape:
    kind: Literal["sequence", "member", "keyed", "columns", "nested"]
    names: tuple[str, ...] = ()
    """Of the member, of the columns, or of the object that holds what has a shape of its own."""
    why: str = ""
    """Why the document is not known to its end."""


def shape_of(source: Source, place: str, scanner: Scanner) -> Shape:
    """The shape of the document in ``scanner``, which is read until it is known. Raises :class:`SourceError` if there
    are several lists of records and ``source`` names none."""
    kinds: dict[str, Kind] = {}
    followed, why = False, ""
    try:
        if scanner.peek() != b"{":
            return Shape("sequence")
        for name, kind in _members(scanner):
            kinds[name] = kind
            if kind in _LISTS and name in ("data", source.split):
                return Shape("member", (name,))
        followed = scanner.peek() in (b"{", b"[")
    except (Broken, Unreadable) as error:
        why = error.why  # what has been seen decides; where it breaks off is told when it is read
    return Shape("sequence") if followed else replace(_decided(source, place, kinds), why=why)


def _decided(source: Source, place: str, kinds: dict[str, Kind]) -> Shape:
    asks = {name for name in kinds if name in (*INSTRUCTION, *source.columns.values())}
    lists = [name for name, kind in kinds.items() if kind in _LISTS]
    turns = [name for name in lists if name in _TURNS] + [name for name in TURNS if kinds.get(name) == "object"]
    if turns or any(kinds[name] == "other" for name in asks):
        return Shape("sequence")
    if set(kinds) in _PARTS and kinds["data"] == "lists":
        remedy = 'Write a list of records, in pandas with to_json(orient="records", lines=True)'
        raise SourceError(place, f"is a table in parts: {', '.join(kinds)}", remedy)
    if set(kinds.values()) == {"turns"} and source.split not in kinds:
        return Shape("keyed")
    if "lists" in kinds.values() and set(kinds.values()) <= {"lists", *_LISTS} and (asks or not lists):
        return Shape("columns", tuple(kinds))
    if lists:
        if len(lists) > 1 or source.split not in (None, *lists):
            names = ", ".join(lists[:MOST_NAMES]) + (", ..." if len(lists) > MOST_NAMES else "")
            raise SourceError(place, f"holds lists of records: {names}", "Name one of them as `split`")
        return Shape("member", (lists[0],))
    if "object" in kinds.values():
        if asks:
            return Shape("columns", tuple(kinds))
        objects = [name for name, kind in kinds.items() if kind == "object"]
        return Shape("nested", ("data",)) if objects == ["data"] else Shape("keyed")
    return Shape("sequence")


def go_to(scanner: Scanner, name: str) -> bool:
    """From an object's beginning to the value under ``name``; whether there is one. Raises :class:`Broken`."""
    return any(found == name for found, _ in _members(scanner))


def other_lists(scanner: Scanner) -> list[str]:
    """From behind a value in an object to behind the object: the keys of the lists of records on the way. Raises
    :class:`Broken`."""
    return [name for name, kind in _members(scanner, begun=True) if kind in _LISTS]


def _members(scanner: Scanner, *, begun: bool = False) -> Iterator[tuple[str, Kind]]:
    """Each key of the object that begins here, when its value has been reached, and what that is. Raises Broken."""
    if not begun:
        scanner.take(b"{")
    while (first := scanner.peek()) != b"}":
        if first == b",":
            scanner.at += 1
            continue
        scanner.keep()
        name = decoded(scanner.value())
        scanner.take(b":")
        first = scanner.peek()
        yield str(name), _kind(scanner, first)
        scanner.value(keep=False)
    scanner.at += 1


def _kind(scanner: Scanner, first: bytes) -> Kind:
    if first != b"[":
        return "object" if first == b"{" else "other"
    scanner.keep()
    scanner.at += 1
    inside = scanner.peek()
    turns = inside == b"{" and _is_turn(scanner)
    scanner.at = scanner.start
    return "turns" if turns else "records" if inside in (b"{", b"]", b"") else "lists"


def _is_turn(scanner: Scanner) -> bool:
    """Whether the object that begins here is a turn of a conversation."""
    try:
        first = decoded(scanner.value())
    except Broken:
        return False
    return isinstance(first, dict) and any(keys <= set(first) for keys in _OF_TURNS)
