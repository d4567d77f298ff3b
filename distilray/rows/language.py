"""A cheap guess at a text's language by its script; the ``check`` step has a real detector."""

from __future__ import annotations

import re

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_NAMES = {"english": "en", "chinese": "zh", "cn": "zh"}


def guess_language(text: str) -> str:
    """``"zh"`` where at least a quarter of the letters are Han characters, else ``"en"``.

    Chinese instructions are full of Latin names and code, so that a majority would be too much to ask.
    """
    head = text[:2000]
    if head.isascii():
        return "en"
    han = sum(map(len, _HAN.findall(head)))
    return "zh" if han and 4 * han >= sum(map(len, _LETTERS.findall(head))) else "en"


def language_code(name: str) -> str | None:
    """ISO 639-1 code of what a record says about its language (``"zh-CN"``, ``"English"``), if it is one."""
    name = name.strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    code = re.split(r"[-_]", name, maxsplit=1)[0]
    return code if re.fullmatch(r"[a-z]{2}", code) else None
