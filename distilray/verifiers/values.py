"""The parts of an answer: a number with its unit, an expression, a set, a tuple, an interval, a matrix, a list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from distilray.verifiers.exact import TooLarge, exact_value
from distilray.verifiers.expressions import depth_of
from distilray.verifiers.physical_units import Unit, split_unit
from distilray.verifiers.relations import sides_of
from distilray.verifiers.set_notation import as_intervals

_PLAIN = re.compile(
    r"^([+-]?)\s*(?:(\d+(?:\.\d*)?|\.\d+)(?:\s*/\s*([+-]?\d+(?:\.\d+)?))?|([+-]?)\\frac\{\s*([+-]?\d+(?:\.\d+)?)\s*\}"
    r"\{\s*([+-]?\d+(?:\.\d+)?)\s*\})\s*(%?)$"
)
_CASES = re.compile(r"(?:\\left\s*\\\{)?\\begin\{cases\}(.*)\\end\{cases\}(?:\\right\.?)?", re.DOTALL)
_DECIMAL_COMMA = re.compile(r"-?(?:0,\d+|\d{4,},\d{1,2})")
_LONGEST_TEXT, _DEEPEST = 4000, 30  # characters, and brackets within brackets, of an answer that is taken apart
_LONGEST_NUMBER = 2000  # digits; beyond, a number is compared as a text
_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")  # the degrees of cos 60° are no unit of its value
_BASED = re.compile(r"(\d+(?:\.\d+)?)_\{?(\d{1,2})\}?", re.ASCII)
_MATRIX = re.compile(r"\\begin\{([bpvBV]?(?:matrix|array)|smallmatrix)\}(?:\{[^{}]*\})?(.*?)\\end\{\1\}", re.DOTALL)
_NAME = r"(?:[a-zA-Z](?:_\{?\w+\}?)?'?|\\[a-zA-Z]+|[a-zA-Z]\(\s*[a-zA-Z]\s*\))"
_ASSIGNED = re.compile(rf"^\s*({_NAME}|[A-Za-z ]{{3,40}}|[\u4e00-\u9fff]+)\s*=\s*(.+)$", re.DOTALL)
_BETWEEN = re.compile(r"^(.+?)\s*(<|\\le)\s*([a-zA-Z])\s*(<|\\le)\s*(.+)$")
_BETWEEN_FALLING = re.compile(r"^(.+?)\s*(>|\\ge)\s*([a-zA-Z])\s*(>|\\ge)\s*(.+)$")
_ONE_SIDED = re.compile(
    r"^(?:([a-zA-Z])\s*(<|>|\\le|\\ge)(?![a-z])\s*([^<>=a-zA-Z]+|[^<>=]*\\[^<>=]*)|([^<>=a-zA-Z]+)\s*(<|>|\\le|\\ge)\s*([a-zA-Z]))$"
)
_MEMBER = re.compile(r"^[a-zA-Z]\s*\\in\s*")
_AND = re.compile(r"\s*(?:[;；]|\band\b|\bor\b|和|或者|或|以及|及|与)\s*")
_FLIP = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le"}


@dataclass(frozen=True)
class Scalar:
    """One value: `exact` where it is a plain number (percent as its hundredth), `text` in LaTeX in any case."""

    text: str
    exact: Fraction | None = None
    percent: bool = False
    decimals: int | None = None  # digits after the point, where it is written as a decimal
    digits: int = 0  # significant ones of such a decimal
    unit: Unit | None = None
    name: str = ""  # "x" in "x = 3"
    equation: str = ""  # the whole of "x + y = 3", whose text is its last side


@dataclass(frozen=True)
class Group:
    """Several values. `kind`: "set" and "list" in any order, "tuple" and "matrix" in theirs, "interval" with ends."""

    kind: str
    items: tuple[Value, ...]
    ends: str = ""  # "(]" for an interval; rows x columns for a matrix
    text: str = ""  # how a matrix, or an interval that is an inequality, is written


Value = Scalar | Group


def read_value(text: str) -> Value:
    """The structure of an answer in plain LaTeX (see notation.py); of one that is endless, only its text."""
    if len(text) > _LONGEST_TEXT or depth_of(text) > _DEEPEST:
        return Scalar(text)
    return _value(text)


def _value(text: str) -> Value:
    text = _MEMBER.sub("", as_intervals(text.strip()))
    pieces = _split(text, ("\\cup",))
    if len(pieces) > 1:
        return Group("union", tuple(_value(piece) for piece in pieces))
    if (
        (matrix := _MATRIX.search(text))
        and re.fullmatch(r"(?:[^=]*=)?\s*[(\[]?\s*", text[: matrix.start()])
        and (re.fullmatch(r"\s*[)\]]?\s*", text[matrix.end() :]))
    ):
        return _matrix(matrix)
    if cases := _CASES.fullmatch(text):
        rows = [row.split("&") for row in re.split(r"\\\\", cases[1]) if row.strip()]
        lines = [tuple(_value(cell) for cell in row if cell.strip()) for row in rows]
        return Group("list", tuple(line[0] if len(line) == 1 else Group("tuple", line, "()") for line in lines))
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    interval = _inequality(text)
    if interval:
        return interval
    bracketed = _bracketed(text)
    if bracketed:
        return bracketed
    pieces = [piece for part in _split(text, (",",)) for piece in _AND.split(part) if piece.strip()]
    if len(pieces) > 1 and all(re.search(r"[\d\\]|^\s*-?[a-zA-Z]\b", piece) for piece in pieces):
        return _listed(text, [_value(piece) for piece in pieces])
    if "\\pm" in text:
        both = (text.replace("\\pm", "+", 1), text.replace("\\pm", "-", 1))
        return Group("list", tuple(_value(one.removeprefix("+").replace("=+", "=")) for one in both))
    return _scalar(text)


def _listed(text: str, values: list[Value]) -> Group:
    """Several values; inequalities are alternatives, or bounds of one interval ("x > 1 and x < 3")."""
    if all(isinstance(value, Group) and value.kind == "interval" for value in values):
        low, high = (next((v for v in values if v.items[side].text[-6:] != "\\infty"), None) for side in (0, 1))  # type: ignore[union-attr]
        if len(values) == 2 and low and high and low is not high and not re.search(r"\bor\b|或", text):
            return Group("interval", (low.items[0], high.items[1]), low.ends[0] + high.ends[1])  # type: ignore[union-attr]
        return Group("union", tuple(values))
    return Group("list", tuple(_flat(values)))


def _flat(values: list[Value]) -> list[Value]:
    flat: list[Value] = []
    for value in values:
        flat += value.items if isinstance(value, Group) and value.kind == "list" else [value]
    return flat


def _split(text: str, separators: tuple[str, ...]) -> list[str]:
    """Split at separators that stand outside all brackets."""
    if not any(separator in text for separator in separators):
        return [text.strip()] if text.strip() else []
    pieces, depth, start, position = [], 0, 0, 0
    while position < len(text):
        here = text[position]
        separator = next((s for s in separators if text.startswith(s, position)), "")
        if depth == 0 and separator:
            pieces.append(text[start:position])
            position += len(separator)
            start = position
            continue
        depth += (here in "([{") - (here in ")]}")
        depth = max(depth, 0)
        position += 1
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if piece.strip()]


def _bracketed(text: str) -> Group | None:
    opened, closed = text[:2] == "\\{", text[-2:] == "\\}"
    if opened and closed and _closes_at_end(text):
        return Group("set", tuple(_value(piece) for piece in _split(text[2:-2], (",",))))
    if len(text) < 3 or text[0] not in "([{" or text[-1] not in ")]}" or not _closes_at_end(text):
        return None
    pieces = _split(text[1:-1], (",", ";"))
    ends = text[0] + text[-1]
    if ends == "{}":
        return Group("set", tuple(_value(piece) for piece in pieces))
    if len(pieces) == 2 and (ends in ("(]", "[)") or "\\infty" in text):
        return Group("interval", tuple(_value(piece) for piece in pieces), ends)
    if len(pieces) < 2:
        return None
    items = tuple(_value(piece) for piece in pieces)
    if ends == "[]" and all(isinstance(item, Group) and item.kind in ("tuple", "bracket") for item in items):
        rows = [item.items for item in items if isinstance(item, Group)]
        return Group("matrix", tuple(cell for row in rows for cell in row), f"{len(rows)}x{len(rows[0])}")
    return Group("bracket" if ends == "[]" else "tuple", items, ends)


def _closes_at_end(text: str) -> bool:
    depth = 0
    for position, here in enumerate(text):
        depth += (here in "([{") - (here in ")]}")
        if depth == 0 and position < len(text) - 1 and here in ")]}":
            return False
    return True


def _matrix(match: re.Match[str]) -> Group:
    rows = [row.split("&") for row in re.split(r"\\\\(?:\[[^\]]*\])?", match[2]) if row.strip()]
    cells = tuple(_scalar(cell.replace("\\hline", "").strip()) for row in rows for cell in row)
    return Group("matrix", cells, f"{len(rows)}x{len(rows[0]) if rows else 0}", match[0])


def _inequality(text: str) -> Group | None:
    between = _BETWEEN.match(text) or _BETWEEN_FALLING.match(text)
    if between:
        low, first, _, second, high = between.groups()
        if first in (">", "\\ge"):
            low, first, second, high = high, _FLIP[second], _FLIP[first], low
        ends = ("(" if first == "<" else "[") + (")" if second == "<" else "]")
        return Group("interval", (_value(low), _value(high)), ends, text)
    one = _ONE_SIDED.match(text)
    if not one:
        return None
    relation, bound = (one[2], one[3]) if one[1] else (_FLIP[one[5]], one[4])
    closed = relation in ("\\le", "\\ge")
    if relation in ("<", "\\le"):
        return Group("interval", (_scalar("-\\infty"), _value(bound)), "(" + ("]" if closed else ")"), text)
    return Group("interval", (_value(bound), _scalar("\\infty")), ("[" if closed else "(") + ")", text)


def _scalar(text: str) -> Scalar:
    name, text, equation = _assigned(text.strip())
    whole, unit = (text, None) if _ANGLE.search(text) else split_unit(text)
    plain = _PLAIN.match(whole.strip())
    if not plain and unit is None:
        whole = text  # words after an expression are not safely a unit
        plain = _PLAIN.match(whole)
    whole = whole.strip()
    if not plain and (based := _BASED.fullmatch(whole)):  # 664_7: its digits, and a base as a unit that must not differ
        unit = (f"base {based[2]}", Fraction(1))
        return Scalar(whole, Fraction(based[1]), unit=unit, name=name, equation=equation)
    if not plain:
        try:
            return Scalar(whole, exact_value(whole), unit=unit, name=name, equation=equation)
        except TooLarge:
            return Scalar(whole, unit=unit, name=name, equation=equation)
    if len(whole) > _LONGEST_NUMBER:
        return Scalar(whole, unit=unit, name=name, equation=equation)
    sign, number, below, inner_sign, above, under, percent = plain.groups()
    value = Fraction(number or above)
    divisor = Fraction(below or under or 1)
    if not divisor:
        return Scalar(whole, unit=unit, name=name, equation=equation)
    value /= divisor
    if (sign == "-") != (inner_sign == "-"):
        value = -value
    if percent:
        value /= 100
    written = number if number and "." in number and not below else ""
    decimals = len(written.partition(".")[2]) if written else None
    digits = len(written.replace(".", "").lstrip("0"))
    return Scalar(whole, value, bool(percent), decimals, digits, unit, name, equation)


def _assigned(text: str) -> tuple[str, str, str]:
    """The name that is given a value ("x" of "x = 3" or "3 = x"), that value, and the equation if there is one."""
    text = re.sub(r"^\s*(?:=|\\approx)\s*", "", text)
    if "=" not in text:
        return "", text, ""
    name, rest = "", text
    while assigned := _ASSIGNED.match(rest):
        name, rest = assigned[1].strip(), assigned[2].strip()
    sides = sides_of(rest)
    if len(sides) == 1:
        return name, rest, text
    if not name and len(sides) == 2 and re.fullmatch(_NAME, sides[1]) and not re.fullmatch(_NAME, sides[0]):
        return sides[1], sides[0], text
    return name, sides[-1], text
