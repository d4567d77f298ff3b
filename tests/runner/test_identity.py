"""Which change of its sources makes a run read them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.runner import sources_identity
from distilray.runner.identity import ENDS
from distilray.sources import Source, list_files

LINE = '{"instruction": "%s"}\n'


def identity(folder: Path, text: str, name: str = "rows.jsonl", **settings: Any) -> list[object]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    source = Source(name="s", path=str(folder / name), **settings)
    return sources_identity([source], [list_files(source)])


def test_a_folder_that_moves_is_the_same(tmp_path: Path) -> None:
    assert identity(tmp_path / "a", LINE % "x") == identity(tmp_path / "b", LINE % "x")


@pytest.mark.parametrize(
    ("text", "changes"),
    [(LINE % "y", {}), (LINE % "x" * 2, {}), (LINE % "x", {"name": "new.jsonl"}), (LINE % "x", {"task": "math"})],
)
def test_other_contents_names_and_settings_are_not(tmp_path: Path, text: str, changes: dict[str, Any]) -> None:
    assert identity(tmp_path / "a", LINE % "x") != identity(tmp_path / "b", text, **changes)


def test_large_files_are_compared_at_both_ends(tmp_path: Path) -> None:
    start, stop = LINE % "x", LINE % "y"
    filling = LINE % ("z" * 997) * (3 * ENDS // 1000)
    before = identity(tmp_path / "a", start + filling + stop)
    assert before == identity(tmp_path / "b", start + filling + stop)
    assert before != identity(tmp_path / "b", stop + filling + stop)
    assert before != identity(tmp_path / "b", start + filling + start)
