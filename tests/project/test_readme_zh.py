"""README.zh-CN.md says what README.md says: the same blocks, commands, links and figures, in the same sections."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import ROOT

ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
TO_EACH_OTHER = {"README.md", "README.zh-CN.md"}


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """The fenced blocks: language, and lines without their comments, which are translated."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
    return [(language, [re.sub(r"\s+# .*", "", line) for line in block.splitlines()]) for language, block in found]


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def commands(text: str) -> list[list[str]]:
    """The code spans of each row of the tables, in their order."""
    return [re.findall(r"`([^`]+)`", line) for line in text.splitlines() if line.startswith("|") and "`" in line]


def spans(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`]+)`", prose(text)))


def links(text: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)]+)\)", text) if target not in TO_EACH_OTHER]


def figures(text: str) -> list[str]:
    plain = re.sub(r"`[^`]+`|\]\([^)]+\)", "", prose(text))
    return sorted(re.findall(r"\d+(?:\.\d+)*", plain))


@pytest.mark.parametrize("of", [blocks, commands, spans, links, figures], ids=lambda of: of.__name__)
def test_both_say_the_same(of) -> None:
    assert of(ENGLISH)
    assert of(CHINESE) == of(ENGLISH)


def test_the_sections_are_the_same_and_each_page_leads_to_the_other() -> None:
    def shape(text: str) -> list[str]:
        return [line.split()[0] for line in prose(text).splitlines() if line.startswith("#")]

    assert shape(CHINESE) == shape(ENGLISH)
    assert "](README.md)" in CHINESE and "](README.zh-CN.md)" in ENGLISH


def test_what_is_not_code_is_chinese() -> None:
    lines = [line for line in re.sub(r"`[^`]+`|\]\([^)]+\)", "", prose(CHINESE)).splitlines() if len(line) > 30]
    assert len(lines) > 5
    for line in lines:
        assert len(re.findall(r"[\u4e00-\u9fff]", line)) > 10, line


def test_a_command_that_differs_is_found() -> None:
    other = CHINESE.replace("--pilot 200`", "--pilot 100`").replace("steps.answer.n=2", "steps.answer.n=3")
    assert commands(other) != commands(ENGLISH) and spans(other) != spans(ENGLISH)
    assert blocks(CHINESE.replace("share: 0.8", "share: 0.9")) != blocks(ENGLISH)
    assert figures(CHINESE.replace("83 %", "93 %")) != figures(ENGLISH)
