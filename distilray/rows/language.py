"""A cheap guess at a text's language by its script; the ``check`` step has a real detector."""

from __future__ import annotations

import re

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_WORD = re.compile(r"[^\W\d_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_NAMES = {"english": "en", "chinese": "zh", "cn": "zh"}


def guess_language(text: str) -> str:
    """``"zh"`` where there are at least as many Han characters as words of other scripts, else ``"en"``.

    Characters against words, since Chinese instructions are full of Latin names and code.
    """
    head = text[:2000]
    if head.isascii():
        return "en"
    han = sum(map(len, _HAN.findall(head)))
    return "zh" if han and han >= len(_WORD.findall(head)) else "en"


def language_code(name: str) -> str | None:
    """ISO 639-1 code of what a record says about its language (``"zh-CN"``, ``"English"``), if it is one."""
    name = name.strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    code = re.split(r"[-_]", name, maxsplit=1)[0]
    return code if re.fullmatch(r"[a-z]{2}", code) else None
