"""Programs of many styles as data: read from tests/verifiers/data/program_styles.txt.

A program begins with a line `#### its name` and may end with its standard input after `<<<< `. In the input, and in a
program's first line, `\\r`, `\\x00` and `\\ufeff` stand for these characters; a backslash at the end of the input takes
the line's end away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).parents[1] / "verifiers" / "data" / "program_styles.txt"


@dataclass(frozen=True)
class Style:
    name: str
    program: str
    stdin: str


def styles() -> list[Style]:
    parts = re.split(r"(?m)^#### (.*)\n", PATH.read_text("utf-8"))[1:]
    return [_style(name, body) for name, body in zip(parts[::2], parts[1::2], strict=True)]


def _style(name: str, body: str) -> Style:
    program, _, stdin = body.partition("<<<< ")
    stdin = stdin.rstrip("\n") + "\n" if stdin else ""
    first, _, rest = program.partition("\n")
    return Style(name, _plain(first) + "\n" + rest, _plain(stdin).removesuffix("\\\n"))


def _plain(text: str) -> str:
    return text.replace("\\r", "\r").replace("\\x00", "\x00").replace("\\ufeff", "\ufeff")
