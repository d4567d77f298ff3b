"""Segments: the files of a runner's reply stream. Each holds replies of many units, and an index by unit.

    ["9f3c...", [{"text": "5", ...}], "unit-000004"]            # key, replies, unit
    ["02aa...", [{"text": "8", ...}], "unit-000007"]
    {"unit-000004": [[0, 51]], "unit-000007": [[51, 51]]}       # the index: offset and length of each run of lines
    0000000000000066                                            # where it begins

So whoever needs one unit's replies reads the end of a segment and then these lines alone. A segment that a kill left
without its index (on a local disk lines are appended as they come) is read whole to find its units: it is small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from distilray.errors import DistilrayError
from distilray.storage import Store

TAIL_BYTES = 64 * 1024
"""The end of a segment that is read first; most indexes fit."""
_FOOTER = re.compile(rb"\n([0-9a-f]{16})\n\Z")
_FOOTER_BYTES = 17
REMEDY = "delete the file to continue (its replies are then generated again)"

Runs = list[tuple[int, int]]
"""Offsets and lengths."""
Index = dict[str, Runs]
"""By unit."""


class DamagedLog(DistilrayError, ValueError):
    """A reply log has an unreadable line where no kill can have truncated it."""


class Line(msgspec.Struct, array_like=True):
    key: str
    replies: msgspec.Raw
    unit: str = ""
    """None in the files of a single unit."""


class Place(NamedTuple):
    """Where replies of one unit are."""

    path: str
    runs: tuple[tuple[int, int], ...] | None = None
    """Offsets and lengths; None: the whole file is the unit's."""


_decode_line = msgspec.json.Decoder(Line).decode


def join_lines(units: Mapping[str, list[bytes]], at: int = 0) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """The lines of ``units``, those of a unit together, and where each unit's are if they are written at ``at``."""
    runs: dict[str, tuple[int, int]] = {}
    parts: list[bytes] = []
    for unit, lines in units.items():
        part = b"".join(lines)
        runs[unit] = at, len(part)
        parts.append(part)
        at += len(part)
    return b"".join(parts), runs


def encode_index(index: Mapping[str, Runs], at: int) -> bytes:
    """The end of a segment whose lines end at ``at``."""
    return msgspec.json.encode(index) + b"\n%016x\n" % at


def read_index(store: Store, path: str) -> Index:
    """The index of the segment at ``path``; empty where it was deleted meanwhile. Raises :class:`DamagedLog`."""

    def read() -> bytes | None:
        with store.open_input(path) as file:
            size = file.size()
            begin = max(0, size - TAIL_BYTES)
            tail = file.read_at(size - begin, begin)
            footer = _FOOTER.search(tail)
            if footer is None:
                return None
            at = int(footer[1], 16)
            if at < begin:
                tail, begin = file.read_at(size - at, at), at
            return tail[at - begin : -_FOOTER_BYTES]

    try:
        index = store.tried(path, read)
        if index is None:
            return _find_units(store, path)
        return msgspec.json.decode(index, type=Index)
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise DamagedLog(f"{store.shown}/{path} has no readable index ({error}); {REMEDY}") from error


def _find_units(store: Store, path: str) -> Index:
    index: Index = {}
    at = 0
    for number, line in enumerate(store.read(path).splitlines(keepends=True), start=1):
        if line.startswith(b"{"):  # an index whose end is torn
            break
        if line.endswith(b"\n"):  # the last line may be torn
            index.setdefault(_decode(store, path, number, line).unit, []).append((at, len(line)))
        elif not store.local:
            raise DamagedLog(f"{store.shown}/{path} ends inside a line, but objects are published whole; delete it")
        at += len(line)
    return index


def read_runs(store: Store, place: Place) -> bytes:
    """The lines at ``place``; none where the file was deleted meanwhile."""

    def read() -> bytes:
        if place.runs is None:
            return store.read(place.path)
        with store.open_input(place.path) as file:
            return b"".join(file.read_at(length, offset) for offset, length in place.runs)

    try:
        return store.tried(place.path, read)
    except FileNotFoundError:
        return b""


def decode_lines(store: Store, path: str, lines: bytes) -> dict[str, msgspec.Raw]:
    """Replies by key. A line that has no end is left out: it is the last one, and a kill tore it."""
    whole, _, _ = lines.rpartition(b"\n")
    found = {}
    for number, text in enumerate(whole.splitlines(), start=1):
        line = _decode(store, path, number, text)
        found[line.key] = line.replies.copy()
    return found


def _decode(store: Store, path: str, number: int, text: bytes) -> Line:
    try:
        return _decode_line(text)
    except msgspec.MsgspecError as error:
        raise DamagedLog(f"{store.shown}/{path}, line {number}: not a logged reply ({error}); {REMEDY}") from error
