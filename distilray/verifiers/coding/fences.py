"""Fenced blocks of a reply in Markdown, as models write it: in lists and quotes, after a colon, unclosed, with fences
inside strings."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass

from distilray.verifiers.coding.caching import kept_lately

_OPENING = re.compile(
    r"(?P<lead>[ \t]*(?:>[ \t]?)*[ \t]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$"
)
_OPENING_IN_TEXT = re.compile(r"[^`]*\S[ \t]*(?P<fence>```)[ \t]*(?P<info>[Pp]y(?:thon)?3?)?[ \t\r]*$")
_PYTHON = re.compile(r"(?:i?python(?:[23](?:\.\d+)*)?|py3?)", re.IGNORECASE)
_TRANSPARENT = ("markdown", "md")  # a whole reply in a fence: what counts are the blocks inside
CODE_LINE = re.compile(
    r"\s|@\w|(?:(?:async\s+)?def|class)\s+\w+\s*[(:]|(?:import|from)\s+[\w.]+(?:\s+(?:import|as)\b|\s*,|\s*$)"
    r"|(?:if|for|while|with|elif)\b.*[:(=]|(?:try|else|finally)\s*:|return\b|[\])}]|[\w.]+\("
    r"|[\w.,\[\] ]*[-+*/|&]?=(?!=)"
)
_PROSE = re.compile(r"[^\W\d_]{2,}[,;:]? [^\W\d_]+|[\u3040-\u9fff]|^\W*\w+\W*$")
_CLOSINGS_TRIED = 8
_CUTS_TRIED = 40


@dataclass(frozen=True)
class Block:
    """One fenced block: its text without the indentation of its fence, and the language it names in lower case."""

    text: str
    language: str

    @property
    def is_python(self) -> bool:
        return _PYTHON.fullmatch(self.language) is not None


def blocks_of(reply: str) -> list[Block]:
    """All fenced blocks, in order. A fence inside a string of the program is part of the program."""
    lines = reply.replace("\r\n", "\n").split("\n")
    found, number = [], 0
    while number < len(lines):
        opening = _opening(lines[number])
        number += 1
        if opening is None:
            continue
        language = _language(opening["info"] or "")
        if language in _TRANSPARENT:
            continue
        lead = opening.groupdict().get("lead") or ""
        text, number = _body(lines, number, opening["fence"], lead, language)
        if text.strip():
            found.append(Block(text, language))
    return found


def outside_fences(reply: str) -> str:
    """`reply` without its fence lines, for code that stands beside them."""
    return "\n".join(line for line in reply.split("\n") if _OPENING.match(line.rstrip("\r")) is None)


@kept_lately(32, characters=20_000)
def parse(code: str) -> ast.Module | None:
    """`code` as a module, if Python can read it. The tree is shared: nobody may change it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            compile(tree, "code", "exec", dont_inherit=True)  # finds what parsing alone does not: a bare `return`
            return tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def longest_module(lines: list[str]) -> str:
    """The longest beginning of `lines` that is a module and is followed by prose, cut where a line begins at the
    margin; "" if none is: what breaks off in the middle of its code is not a shorter program."""
    whole, text = lines, "\n".join(lines)
    for _ in range(_CUTS_TRIED):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
            rest = next((line for line in whole[len(lines) :] if line.strip()), "")
            return text if not rest or (not CODE_LINE.match(rest) and _PROSE.search(rest)) else ""
        except SyntaxError as error:
            end = min(error.lineno or len(lines), len(lines)) - 1
        except (ValueError, RecursionError, MemoryError):
            return ""
        while end > 0 and (not lines[end].strip() or lines[end][0] in " \t)]}"):
            end -= 1
        if end <= 0:
            return ""
        lines = lines[:end]
        text = "\n".join(lines)
    return ""


def _opening(line: str) -> re.Match[str] | None:
    line = line.rstrip("\r")
    if "```" not in line and "~~~" not in line:
        return None
    opening = _OPENING.match(line)
    if opening is None:
        opening = _OPENING_IN_TEXT.match(line)
        if opening is not None and not opening["info"] and not line[: opening.start("fence")].rstrip().endswith(":"):
            return None
    return opening


def _language(info: str) -> str:
    words = re.split(r"[\s:,{}=]+", info.strip().lstrip("{. "))
    return words[0].lower()


def _body(lines: list[str], start: int, fence: str, lead: str, language: str) -> tuple[str, int]:
    """The text of the block whose content begins at line `start`, and the line after its end."""
    closing = re.compile(rf"[ \t>]*{re.escape(fence[0])}{{{len(fence)},}}[ \t\r]*$")
    ends = [number for number in range(start, len(lines)) if closing.match(lines[number])]
    content = _without_lead(lines[start:], lead)
    if not ends:
        glued = next((n for n, line in enumerate(content) if line.rstrip().endswith(fence)), None)
        if glued is not None:  # the closing fence stands right after the last word of code
            content = [*content[:glued], content[glued].rstrip()[: -len(fence)]]
            return "\n".join(content), start + glued + 1
        return _unclosed(content), len(lines)
    if language == "" or _PYTHON.fullmatch(language):
        for end in ends[:_CLOSINGS_TRIED]:
            text = "\n".join(content[: end - start])
            if parse(textwrap.dedent(text)) is not None:
                return text, end + 1
    return "\n".join(content[: ends[0] - start]), ends[0] + 1


def _unclosed(content: list[str]) -> str:
    text = "\n".join(content)
    return text if parse(textwrap.dedent(text)) is not None else longest_module(content) or text


def _without_lead(lines: list[str], lead: str) -> list[str]:
    if ">" in lead:
        lines = [re.sub(r"^[ \t]*(?:>[ \t]?)+", "", line) for line in lines]
        lead = lead.rpartition(">")[2].removeprefix(" ")
    width = len(lead.expandtabs(4))
    return [line[min(width, len(line) - len(line.lstrip(" \t"))) :] for line in lines] if width else lines
