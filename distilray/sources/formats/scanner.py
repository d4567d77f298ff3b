"""A stream of JSON text, cut into the bytes of one value after another without reading more than the next.

    scanner = Scanner([b'{"a": "}"', b'}, 2]'])
    scanner.value()     # b'{"a": "}"}'
    scanner.peek()      # b","

Only strings and brackets are looked at; what a value is, and whether it is one, the decoder tells. A quotation mark
after which JSON cannot go on shows that the strings are out of step, as after one that should have been escaped: the
scanner stops there, within the record at fault, instead of taking text for brackets to the end of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from distilray.sources.formats.malformed import Unreadable

MOST_BYTES = 256 << 20
"""Longest record: what is held in memory is one of them, not the file."""
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"(?:\Z|(?=[\s,:\]}])|(.))|(\Z))|[\[\]{}]', re.DOTALL)
"""A string, with group 1 if JSON cannot go on after it and group 2 if it has no end yet, or a bracket."""
_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^\s,\[\]{}\":]+")
_OPENING = b"[{"


class Broken(Exception):
    """The value that begins here has no end that could be found; ``why`` says what is there instead."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Cut(Broken):
    """The text ends within the value."""

    def __init__(self) -> None:
        super().__init__("the file ends within it")


class Scanner:
    """``data`` is what is in memory; ``at`` the place that has been reached, ``start`` the first that is kept."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._failure: Unreadable | None = None
        self.data = b""
        self.at = self.start = 0

    def more(self) -> bool:
        """Reads at least as much as is kept (so that looking again costs little altogether); whether there was more.
        Raises :class:`Unreadable` once what came before it has been taken."""
        kept = self.data[self.start :]
        parts, size = [kept], 0
        try:
            while self._failure is None and size <= len(kept):
                chunk = next(self._chunks)
                size += len(chunk)
                parts.append(chunk)
        except StopIteration:
            pass
        except Unreadable as error:
            self._failure = error
        if not size:
            if self._failure is not None:
                raise self._failure
            return False
        self.data = b"".join(parts)
        self.at -= self.start
        self.start = 0
        return True

    def keep(self) -> None:
        """Everything from here on stays in memory until the next call."""
        self.start = self.at

    def peek(self) -> bytes:
        """The next byte that is not white space, which stays; empty at the end of the text."""
        while True:
            self.at = _SPACE.match(self.data, self.at).end()  # type: ignore[union-attr]  (it matches anywhere)
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self.more():
                return b""

    def take(self, byte: bytes) -> None:
        """Passes ``byte``. Raises :class:`Broken` if something else is there."""
        found = self.peek()
        if found != byte:
            raise Broken(f"{found.decode(errors='replace')!r} where {byte.decode()!r} should be") if found else Cut()
        self.at += 1

    def value(self, *, keep: bool = True) -> bytes:
        """The bytes of the next value, which is passed; without ``keep`` none are gathered, and none returned.

        Raises :class:`Broken`, and the place stays where the value begins (with ``keep``).
        """
        first = self.peek()
        before = self.at - self.start
        try:
            if first == b'"' or (first and first in _OPENING):
                self._pass_brackets(keep)
            else:
                self._pass_scalar()
        except Broken:
            self.at = self.start + before if keep else self.at
            raise
        return self.data[self.start + before : self.at] if keep else b""

    def _pass_brackets(self, keep: bool) -> None:
        depth, begun = 0, self.at - self.start
        while True:
            for token in _TOKEN.finditer(self.data, self.at):
                if token.lastindex == 2:
                    break
                if token.lastindex == 1:
                    self.at = token.start()
                    raise Broken("a quotation mark in a string is not escaped, or a comma is missing")
                self.at = token.end()
                first = self.data[token.start()]
                if first == 0x22:  # a quotation mark
                    pass
                elif first in _OPENING:
                    depth += 1
                else:
                    depth -= 1
                if depth <= 0:
                    return
            if not keep:
                self.keep()
            elif len(self.data) - self.start - begun > MOST_BYTES:
                raise Broken(f"longer than {MOST_BYTES >> 20} MiB, or without an end")
            if not self.more():
                raise Cut

    def _pass_scalar(self) -> None:
        while True:
            found = _SCALAR.match(self.data, self.at)
            if found is None:
                raise Broken("no value") if self.at < len(self.data) else Cut()
            if found.end() < len(self.data) or len(found[0]) > MOST_BYTES or not self.more():
                self.at = found.end()
                return


def outer_keys(text: bytes) -> set[bytes]:
    """The keys of the object that ``text`` begins with (or of the one under its first key), with their quotation marks,
    as far as its strings are in step."""
    keys, depth = set(), 0
    for token in _TOKEN.finditer(text):
        if token.lastindex:
            break
        first = token[0][:1]
        if first == b'"':
            if depth == 1 and _SPACE.sub(b"", text[token.end() : token.end() + 9])[:1] == b":":
                keys.add(token[0])
        else:
            depth += 1 if first in _OPENING else -1
    return keys
