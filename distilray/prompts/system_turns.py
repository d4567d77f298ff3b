"""The system turns of published students by name, so that a training, and with it every evaluation and service of its
student, has the very words.

    system_turn("preset:ds3")      "You are Qwen, created by Alibaba Cloud. ... You should think step-by-step."
    system_turn("Be brief.")       "Be brief."
"""

from __future__ import annotations

SYSTEM_TURNS = {
    "qwen2": "You are a helpful assistant.",
    "qwen2.5": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "ds3": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant. You should think step-by-step.",
}
"""Qwen2's and DistilQwen2's, Qwen2.5's, and DistilQwen2.5-DS3-0324's as their posts and templates give them."""

_PREFIX = "preset:"


def system_turn(text: str) -> str:
    """``text``, or the system turn that ``preset:NAME`` names. Raises ValueError for a name that is not known."""
    if not text.startswith(_PREFIX):
        return text
    name = text.removeprefix(_PREFIX).strip()
    if name not in SYSTEM_TURNS:
        raise ValueError(
            f"there is no system turn {text!r}; known are {', '.join(_PREFIX + each for each in SYSTEM_TURNS)}"
        )
    return SYSTEM_TURNS[name]
