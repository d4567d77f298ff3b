"""Bare calculator notation as LaTeX: `sqrt(2)/2`, `2**10`, `exp(-x)`, `3*pi/4`, `x^(1/2)`, `(-inf, 3]`."""

from __future__ import annotations

import re

_WRAPPED = {
    "sqrt": (r"\sqrt{", "}"), "cbrt": (r"\sqrt[3]{", "}"), "exp": ("e^{", "}"), "abs": ("|", "|"),
    "floor": (r"\lfloor ", r"\rfloor "), "ceil": (r"\lceil ", r"\rceil "), "log10": (r"\log_{10}(", ")"),
    "log2": (r"\log_{2}(", ")"), "factorial": ("(", ")!"),
}  # fmt: skip
_NAMED = ["sinh", "cosh", "tanh", "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "gcd", "lcm", "max", "min"]
_INVERSE = {f"{prefix}{name}": rf"\arc{name}" for prefix in ("a", "arc") for name in ("sin", "cos", "tan")}
_CALLED = re.compile(rf"(?<![\\A-Za-z])({'|'.join([*_WRAPPED, *_INVERSE])})\s*\(")
_FUNCTION = re.compile(rf"(?<![\\A-Za-z])({'|'.join([*_INVERSE, *_NAMED])})(?![A-Za-z])")
_GREEK = re.compile(r"(?<![\\A-Za-z])(pi|theta|alpha|beta|gamma|lambda|omega|phi|sigma)(?![A-Za-z])")
_INFINITE = re.compile(r"(?<![\\A-Za-z])(?:infinity|inf|oo)(?![A-Za-z])", re.IGNORECASE)
_BARE = re.compile(
    r"[*√]|\^\s*[(\d+-]|[!=]=|(?<![\\A-Za-z])(?:sqrt|cbrt|exp|abs|floor|ceil|factorial|pi|theta|alpha|beta|gamma|lambda"
    r"|omega|phi|sigma|inf|oo|a?(?:rc)?(?:sin|cos|tan)|cot|sec|csc|log|ln|gcd|lcm|max|min)",
    re.IGNORECASE,
)


def calculator_to_latex(text: str) -> str:
    r"""`text` with its bare notation as LaTeX; what is LaTeX already stays.

    >>> calculator_to_latex("3*sqrt(x+1)**2 / pi")
    '3\\cdot \\sqrt{x+1}^{2} / \\pi '
    """
    if not _BARE.search(text):
        return text
    text = text.replace("!=", r"\ne ").replace("==", "=").replace("**", "^")
    while called := _CALLED.search(text):
        end = closing_bracket(text, called.end() - 1)
        before, after = _WRAPPED.get(called[1]) or (_INVERSE[called[1]] + "(", ")")
        text = text[: called.start()] + before + text[called.end() : end] + after + text[end + 1 :]
    text = _FUNCTION.sub(lambda match: _INVERSE.get(match[1], "\\" + match[1]) + " ", text)
    text = _GREEK.sub(r"\\\1 ", _INFINITE.sub(r"\\infty ", text))
    text = re.sub(r"(\d)\s*\*?\s*[Ij](?![A-Za-z])", r"\1i", text)
    text = re.sub(r"\s*\*\s*", r"\\cdot ", text)
    return _powers(text)


def _powers(text: str) -> str:
    """Braces around every exponent: x^(1/2), x^10 and e^-x mean the whole of it."""
    position = 0
    while (position := text.find("^", position)) >= 0:
        start = position + 1
        while text[start : start + 1] == " ":
            start += 1
        if text[start : start + 1] == "(":
            end = closing_bracket(text, start)
            text = text[: position + 1] + "{" + text[start + 1 : end] + "}" + text[end + 1 :]
        elif match := re.compile(r"[-+]?(?:\d+(?:\.\d+)?|[a-zA-Z](?![a-zA-Z]))").match(text, start):
            text = text[: position + 1] + "{" + match[0] + "}" + text[match.end() :]
        position += 1
    return text


def closing_bracket(text: str, opening: int) -> int:
    """Where the bracket that opens at `opening` closes; the end of `text` if it does not."""
    depth = 0
    for position in range(opening, len(text)):
        depth += (text[position] in "([{") - (text[position] in ")]}")
        if depth == 0:
            return position
    return len(text)
