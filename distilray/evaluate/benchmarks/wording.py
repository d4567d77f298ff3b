"""The words that benchmarks put around their questions. The questions' own texts stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

FORMULA = "Work it out step by step, and state the final answer in \\boxed{}."
NUMBER = "Work it out step by step, and state the final number in \\boxed{}."
CHOICE = {
    "en": "One of the options is right. You may reason first; then end with the line `Answer: X`, X being its letter.",
    "zh": "以上选项中只有一个正确。可以先分析,最后一行写“答案:X”,X 为正确选项的字母。",
}
PROGRAM = "Reply with the whole program in one ```python block."


def after(text: str, words: str) -> str:
    """``text``, then ``words`` in a paragraph of their own."""
    return f"{text.rstrip()}\n\n{words}"


def with_options(text: str, options: Sequence[str], language: str) -> str:
    """A question, its options under letters, and what to answer with."""
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False))
    return after(f"{text.rstrip()}\n\n{listed}", CHOICE[language])


def in_fence(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"
