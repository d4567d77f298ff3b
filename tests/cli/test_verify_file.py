"""`distilray verify`, from the library's side."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from distilray.cli.verify_file import verify_file


def written(folder: Path, *pairs: object) -> str:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs), encoding="utf-8")
    return str(path)


def test_a_verdict_a_line_in_order_and_a_summary(tmp_path: Path):
    pairs = [{"answer": f"so {n}", "reference": str(n if n % 3 else n + 1)} for n in range(300)]
    out = io.StringIO()
    assert verify_file(written(tmp_path, *pairs), "numeric", False, 2, out) == 1
    lines = out.getvalue().splitlines()
    assert [int(line.split("\t")[0]) for line in lines[:-1]] == list(range(1, 301))
    assert lines[-1] == "300 checked: 200 right, 100 wrong, 0 undecided, 66.7% right"


def test_json_lines(tmp_path: Path):
    out = io.StringIO()
    assert verify_file(written(tmp_path, {"completion": "答案是C", "golden": "C"}), "choice", True, 1, out) == 0
    verdict, summary = map(json.loads, out.getvalue().splitlines())
    assert verdict == {
        "line": 1,
        "right": True,
        "reason": "chose C",
        "detail": {"extracted": "C", "found": "announced"},
    }
    assert summary["summary"] == {"total": 1, "right": 1, "wrong": 0, "undecided": 0}


def test_code_takes_its_tests_from_the_line(tmp_path: Path):
    pair = {"answer": "def f(n): return n", "tests": [{"function": "f", "args": [1], "expected": 1}], "timeout_s": 20}
    assert verify_file(written(tmp_path, pair), "code", False, 1, io.StringIO()) == 0


def test_a_missing_answer_is_named_by_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = written(tmp_path, {"answer": "1", "reference": "1"}, {"text": "1"})
    assert verify_file(path, "numeric", False, 1, io.StringIO()) == 2
    assert f"{path}:2: no text under answer or completion" in capsys.readouterr().err


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert verify_file(str(tmp_path / "none.jsonl"), "math", False, 1, io.StringIO()) == 2
    assert "none.jsonl" in capsys.readouterr().err
