"""The records in an array, in an object that is keyed by their ids, or one after another; each fails alone.

After a record whose end cannot be found, reading goes on where the next one begins: with the next object that has about
the keys that records have. Objects before that are parts of the record.
"""

from __future__ import annotations

import re
from typing import Any

from distilray.sources.formats.decoding import FIX_JSON, decoded, decoded_or_none
from distilray.sources.formats.malformed import COPY_AGAIN, Found, Malformed, Unreadable, rest_of_file
from distilray.sources.formats.scanner import Broken, Cut, Scanner, outer_keys

_KEY = rb'"(?:[^"\\]++|\\.)*+"'
_FIRST_KEY = re.compile(rb"(?:" + _KEY + rb"\s*:)?\s*\{\s*(" + _KEY + rb")\s*:", re.DOTALL)
_BEGINS = re.compile(rb"(?<=[,}\s])\{\s*(" + _KEY + rb")\s*:", re.DOTALL)
_BEGINS_KEYED = re.compile(rb"(?<=[,}\s])" + _KEY + rb"\s*:\s*\{\s*(" + _KEY + rb")\s*:", re.DOTALL)
MISSES = 8
"""Guesses in a row that may fail before there are no more."""
MOST_KEYS = 256
_NEAR = 4096
"""Bytes that the beginning of a record may take, white space included."""


def elements(
    scanner: Scanner, close: bytes = b"", position: int = 0, *, resume: bool = True, outermost: bool = False
) -> Found:
    """What stands between here and ``close``: values, or with ``}`` keys and values; without ``close``, all values to
    the end of the text, those of arrays one by one.

    ``position`` is that of the element before. Without ``resume`` nothing after an element without an end is read, as
    nobody knows how many of them there are. ``outermost``: nothing stands after ``close``.
    """
    return _Elements(scanner, close, position, resume, outermost).found()


class _Elements:
    def __init__(self, scanner: Scanner, close: bytes, position: int, resume: bool, outermost: bool) -> None:
        self.scanner, self.close, self.position = scanner, close, position
        self.resume, self.outermost = resume, outermost
        self.keyed = close == b"}"
        self.keys: set[str] = set()
        """Of the good records, as far as they are few."""
        self.fewest = 0
        """Keys of the good record with the fewest."""
        self.broken_keys: set[str] = set()
        """Of a record without an end, as far as they can be told; used while there is no good one."""
        self.recovering = False
        """Since a record without an end, none like the others has been read."""
        self.unreadable: Unreadable | None = None
        self.closed = False
        """Whether the text ends as a complete one does."""
        self.between: re.Pattern[bytes] | None = None
        """What probably stands between two records."""
        self.missed = 0

    def found(self) -> Found:
        try:
            while first := self._next():
                if first == b"[" and not self.close:
                    self.scanner.at += 1
                    for position, value in elements(self.scanner, b"]", self.position):
                        self.position = position
                        yield position, value
                        if isinstance(value, Malformed) and value.records is None:
                            return
                    continue
                value, ended = self._element()
                part = self.recovering and self._is_part(value)
                last = (part or not ended) and not (self.resume and self._find_next())
                if part and not last:
                    continue
                if part and self.closed:
                    return
                self.position += 1
                yield self.position, self._rest(value) if last else value
                if last:
                    return
                self.recovering = not ended or (self.recovering and isinstance(value, Malformed))
        except Unreadable as error:
            yield self.position + 1, error.rest()
        except Cut:
            yield self.position + 1, rest_of_file("it is cut short, its list of records has no end", COPY_AGAIN)

    def _next(self) -> bytes:
        """The first byte of the next element; empty after the last, when ``close`` has been passed. Raises Cut."""
        while first := self.scanner.peek():
            if first not in (b",", b"]", b"}"):
                return first
            self.scanner.at += 1  # brackets that close nothing cost no record
            if first == self.close and not (self.outermost and self.scanner.peek()):
                return b""
        if self.close:
            raise Cut
        return b""

    def _element(self) -> tuple[Any, bool]:
        """The next element, or :class:`Malformed`, and whether its end was found."""
        self.scanner.keep()
        if (value := self._guessed()) is not None:
            return value, True
        try:
            key, raw = self._raw()
        except Cut:
            return Malformed("not JSON; it is cut short within a record", "", COPY_AGAIN), False
        except Broken as error:
            return Malformed(f"not JSON; {error.why}", "", FIX_JSON), False
        except Unreadable as error:
            self.unreadable = error
            return Malformed("not JSON; without an end", "", FIX_JSON), False
        value = decoded(raw)
        if isinstance(value, Malformed):
            return value, self._ends_well(raw)
        if self.keyed and isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
            value = {"messages": value}  # a conversation
        if isinstance(value, dict):
            if self.between is None and not self.keyed and (first := _FIRST_KEY.match(raw)):
                self.between = re.compile(rb"\}\s*,\s*\{\s*" + re.escape(first[1]) + rb"\s*:")
            if not (self.recovering and self._is_part(value)):
                self._note_keys(value)
            if self.keyed and "id" not in value:
                value = {"id": decoded(key), **value}
        return value, True

    def _guessed(self) -> Any:
        """The record up to what looks like the beginning of the next, if that is one; else None. It must be this one
        then, since no part of an object is an object with the same beginning. Faster than looking at all brackets."""
        scanner = self.scanner
        if self.between is None or self.missed > MISSES:
            return None
        found = self.between.search(scanner.data, scanner.at)
        if found is not None:
            value = decoded_or_none(scanner.data[scanner.at : found.start() + 1])
            if value is not None:
                scanner.at, self.missed = found.start() + 1, 0
                if not self.recovering:
                    self._note_keys(value)
                return value
            self.missed += 1
        return None

    def _raw(self) -> tuple[bytes, bytes]:
        key = b""
        if self.keyed:
            key = self.scanner.value()
            self.scanner.take(b":")
            self.scanner.peek()
        begun = self.scanner.at - self.scanner.start
        self.scanner.value()
        return key, self.scanner.data[self.scanner.start + begun : self.scanner.at]

    def _ends_well(self, raw: bytes) -> bool:
        """Whether ``raw``, which is not JSON, is one element: nothing in it looks like the beginning of another, and
        what follows it may follow one."""
        if not self.resume:
            return True
        self._note_broken()
        if any(self._is_expected(found) for found in self._beginning().finditer(raw, 1)):
            return False
        try:
            return raw[:1] in (b"{", b"[") or self.scanner.peek() in (b",", self.close)
        except Unreadable:  # told when the next element is asked for
            return True

    def _note_keys(self, value: dict[str, Any]) -> None:
        self.fewest = min(self.fewest or len(value), len(value))
        if len(self.keys) < MOST_KEYS:
            self.keys.update(value)

    def _note_broken(self) -> None:
        if not self.keys and not self.broken_keys:
            begins = self.scanner.data[self.scanner.start : self.scanner.start + _NEAR]
            self.broken_keys = {str(decoded(key)) for key in outer_keys(begins)}

    def _beginning(self) -> re.Pattern[bytes]:
        """The beginning of an object that may be a record; group 1 is its first key."""
        return _BEGINS_KEYED if self.keyed else _BEGINS

    def _is_expected(self, begins: re.Match[bytes] | None) -> bool:
        """Whether an object that begins like that begins with a key that records have."""
        return begins is not None and decoded(begins[1]) in (self.keys or self.broken_keys)

    def _is_part(self, value: Any) -> bool:
        """Whether the last element, ``value``, belongs to the record whose end was not found rather than is one."""
        expected = self.keys or self.broken_keys
        if not expected or not isinstance(value, dict | Malformed):
            return False
        first = self._is_expected(_FIRST_KEY.match(self.scanner.data, self.scanner.start))
        if isinstance(value, Malformed):
            return not first
        known = sum(key in expected for key in value)
        few = 2 * known < len(value)
        if not self.keys:
            return few and not first
        return few or 2 * known < self.fewest or (2 * known == self.fewest and known < len(value))

    def _find_next(self) -> bool:
        """Goes from within the last element to where another may begin; whether there is such a place."""
        scanner = self.scanner
        self._note_broken()
        scanner.at = scanner.start + 1
        try:
            while not (found := self._beginning().search(scanner.data, scanner.at)):
                scanner.at = max(scanner.at, len(scanner.data) - _NEAR)
                scanner.keep()
                if not scanner.more():
                    self.closed = scanner.data.rstrip()[-1:] in (b"]", b"}")
                    scanner.at = len(scanner.data)
                    return False
        except Unreadable as error:
            self.unreadable = error
            return False
        scanner.at = found.start()
        return True

    def _rest(self, value: Any) -> Malformed:
        """What stands for an element whose end was not found, and all after it."""
        if self.unreadable is not None:
            return self.unreadable.rest()
        if not isinstance(value, Malformed):
            value = Malformed("not JSON; nothing that follows is like the records before", "", FIX_JSON)
        if self.closed and value.remedy != COPY_AGAIN:
            return value
        problem, _, detail = value.why.partition("; ")
        return rest_of_file(detail if value.remedy == COPY_AGAIN else f"{problem}: {detail}", value.remedy)
