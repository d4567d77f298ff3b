"""Normalised notation: answers from LaTeX, Unicode, Markdown and Chinese typography brought to plain LaTeX."""

from __future__ import annotations

import re
import unicodedata

from distilray.verifiers.calculator import calculator_to_latex
from distilray.verifiers.formulas import formulas
from distilray.verifiers.numberwords import digits_for_words

_SUPERSCRIPTS = {c: str(n) for n, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {"⁺": "+", "⁻": "-", "ⁿ": "n"}
_SUPERSCRIPT = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_VULGAR = re.compile("([0-9]*)([¼-¾⅐-⅞])")
_SYMBOLS = str.maketrans(
    {
        "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "−": "-", "–": "-", "—": "-", "π": r"\pi ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "⩽": r"\le ", "⩾": r"\ge ", "∪": r"\cup ", "∩": r"\cap ",
        "∅": r"\emptyset ", "±": r"\pm ", "∈": r"\in ", "°": r"^\circ ", "、": ",", "。": ".", "“": '"', "”": '"',
        "≈": "=", "≡": r"\equiv ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
        "ℝ": r"\mathbb{R}", "【": "[", "】": "]",
    }
)  # fmt: skip
_ROOT = re.compile(r"√\s*(?:\(([^()]*)\)|\{([^{}]*)\}|(\d+(?:\.\d+)?|[a-zA-Z]))|(?<![\\a-z])sqrt\s*\{([^{}]*)\}")
_NOISE = re.compile(
    r"\\(?:left|right|displaystyle|limits|bigl?|bigr?|Bigl?|Bigr?|phantom\{[^{}]*\})(?![a-zA-Z])"
    r"|(?<!\\)\\[,;:! ]|~|\\quad|\\qquad"
)
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|textsf|mathrm|mathbf|mbox|hbox|operatorname|bm)\s*\{([^{}]*)\}"
)
_STRIPPED = re.compile(r"(?<![\\_^a-zA-Z}\]])\{([A-Za-z]{2,}[A-Za-z ]*)\}")  # \text{} that lost its command
_WRAP = re.compile(r"^(?:\$\$?(.*?)\$?\$|\\\((.*)\\\)|\\\[(.*)\\\]|\*\*(.*)\*\*|`(.*)`|_\{(.*)\}_)$", re.DOTALL)
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:(?:,\\!\s?|\\!,|,|\{,\}|\\,|\\;|\s)\d{3})+)(?![\d]|,\d)")
_ESCAPED = re.compile(
    r"(?<!\\)\\\\(?=(?:d?frac|tfrac|left|right|boxed|text|sqrt|pi|infty|cdot|times|le|ge|leq|geq|in|cup|cap|math\w+|begin|end|pm|circ)"
    r"(?![a-z]))"
)
_FRAC_PART = r"\s*(?:\{([^{}]*)\}|(\d|[a-zA-Z]|\\(?:pi|theta|alpha|beta)))"
_FRAC_SHORT = re.compile(rf"\\frac{_FRAC_PART}{_FRAC_PART}")
_MIXED = re.compile(
    r"(?<![\w.}])(-?)(\d+)\s*(?:\\frac\{(\d+)\}\{(\d+)\}|(?<=\d)(?:\s+|\s*又\s*)(\d+)\s*/\s*(\d+)(?![\d/]))", re.ASCII
)
_SCIENTIFIC = re.compile(
    r"(?<![\w.])(-?\d+(?:\.\d+)?)\s*(?:[eE]([+-]?\d+)|(?:\\times|\\cdot|\*)\s*10\^\{?([+-]?\d+)\}?)(?!\w)", re.ASCII
)
_MODULO = re.compile(r"\s*(?:\\pmod\s*\{?\w+\}?|\(\s*\\?b?mod\s*\{?\w+\}?\s*\))")
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?%?", re.ASCII)
_BEFORE_POWER = re.compile(r"(?<=[A-Za-z]) +(?=\^)")  # \text{ cm}^2
_PERCENT = re.compile(r"(\d)\s*(?:percent|per cent|percentage points?|pct)\b", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}:\d{2})\s*([ap])\s*\.?\s*m\b\.?", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"^\s*(?:\\\{|[(\[{]).*(?:\\\}|[)\]}])\s*$", re.DOTALL)


def plain_latex(text: str) -> str:
    """`text` in one notation: ASCII and LaTeX commands, digits for number words, no spacing commands, no wrapping.

    >>> plain_latex("$\\\\dfrac{1,000}{3}$。")
    '\\\\frac{1000}{3}'
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return text  # what most references are
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda m: "^{" + "".join(_SUPERSCRIPTS[c] for c in m[0]) + "}", text)
        text = _VULGAR.sub(lambda m: f"{m[1]} {unicodedata.normalize('NFKC', m[2]).replace('⁄', '/')}", text)
        text = unicodedata.normalize("NFKC", text).translate(_SYMBOLS)
    if "\\" in text:
        text = _commands(text)
    text = text.replace("<=", "\\le ").replace(">=", "\\ge ")
    text = calculator_to_latex(_unwrap(text).strip("*"))
    text = _without_thousands(text)
    if "\\" in text or "{" in text or "~" in text:
        text = _NOISE.sub(" ", text)
        for _ in range(3):
            text = _TEXT.sub(r" \1 ", text)
        text = _STRIPPED.sub(r" \1 ", text)
    if "√" in text or "sqrt" in text:
        text = _ROOT.sub(lambda m: r"\sqrt{" + next(g for g in m.groups() if g) + "}", text)
    text = _BEFORE_POWER.sub("", text)
    text = digits_for_words(_CLOCK.sub(r"\1 \2m", text) if ":" in text else text)
    if "\\frac" in text:
        text = _FRAC_SHORT.sub(lambda m: rf"\frac{{{m[1] or m[2]}}}{{{m[3] or m[4]}}}", text)
    text = _MIXED.sub(_improper, text)
    text = _SCIENTIFIC.sub(lambda m: _expand(m[1], m[2] or m[3]), text)
    text = _PERCENT.sub(r"\1%", text)
    return " ".join(text.split()).strip(" \"'").rstrip(".,;: ").lstrip(",;: ")


def _commands(text: str) -> str:
    """Every command by one of its names."""
    text = _ESCAPED.sub(r"\\", text)  # escaped twice on its way through JSON
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\cfrac", "\\frac")
    text = text.replace("^{\\circ}", "^\\circ").replace("\\degree", "^\\circ").replace("^\\circ", "°")
    text = text.replace("\\%", "%").replace("\\$", "$").replace("\\leq", "\\le").replace("\\geq", "\\ge")
    text = re.sub(r"\\(l|g)e(?=slant)", r"\\\1e", text).replace("slant", "").replace("\\neq", "\\ne")
    text = text.replace("\\lt", "<").replace("\\gt", ">").replace("\\varnothing", "\\emptyset")
    text = text.replace("\\lbrace", "\\{").replace("\\rbrace", "\\}").replace("\\lbrack", "[").replace("\\rbrack", "]")
    return _MODULO.sub("", text).replace("\\equiv", "=") if "\\equiv" in text else text


def _unwrap(text: str) -> str:
    text = text.strip().rstrip(".,;: ")
    while (match := _WRAP.match(text)) and "$" not in (inner := next(g for g in match.groups() if g is not None)):
        text = inner.strip().rstrip(".,;: ")
    if text.count("$") > 1:
        for one in reversed(formulas(text)):  # "$125$ miles"
            text = f"{text[: one.start]} {one.content} {text[one.end :]}"
    return text.replace("$$", "") if text.count("$") > 1 else text


def _without_thousands(text: str) -> str:
    """1,080 -> 1080, but (1,234) and {1,200} stay two numbers: brackets list things."""
    if _IN_BRACKETS.match(text):
        return re.sub(r"(\d)(?:\{,\}|\\!,|,\\!\s?)(\d{3})", r"\1\2", text)
    while (shorter := _THOUSANDS.sub(lambda m: m[1] + re.sub(r"\D", "", m[2]), text)) != text:
        text = shorter
    return text


def _improper(match: re.Match[str]) -> str:
    sign, whole, above, below, slashed_above, slashed_below = match.groups()
    above, below = int(above or slashed_above), int(below or slashed_below)
    return rf"{sign}\frac{{{int(whole) * below + above}}}{{{below}}}"


def _expand(number: str, power: str) -> str:
    if abs(int(power)) > 60:
        return rf"{number} \times 10^{{{power}}}"
    from decimal import Decimal

    return format(Decimal(number).scaleb(int(power)), "f")
