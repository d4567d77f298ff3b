"""`distilray verify`, from the library's side."""

from __future__ import annotations

import gzip
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "\ufeff" + json.dumps({"answer": "7", "reference": "7"})),
        ("a.jsonl", ("\ufeff" + json.dumps({"answer": "7", "reference": "7"})).encode("utf-16-le")),
        ("a.jsonl.gz", gzip.compress(json.dumps({"answer": "7", "reference": "7"}).encode(), mtime=0)),
        ("a.json", json.dumps([{"answer": "7", "reference": "7"}], indent=2)),
        ("a.txt", json.dumps({"answer": "7", "reference": "7"}) + "\r\n"),
    ],
)
def test_pairs_are_read_as_sources_are(tmp_path: Path, name: str, content: bytes | str):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert verify_file(str(path), "numeric", False, 1, io.StringIO()) == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"answer": "é"}\n'.encode("latin-1"), ":2: not UTF-8; byte 13 is 0xe9. Save the file as UTF-8"),
        (b"{broken}\n", ":2: not JSON; Expecting property name"),
        (b"[1]\n", ":2: not an object with named fields. Write an object with answer and reference"),
    ],
)
def test_what_is_no_pair_is_named_by_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, why: str
):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"answer": "7", "reference": "7"}\n' + content)
    assert verify_file(str(path), "numeric", False, 1, io.StringIO()) == 2
    assert f"verify: {path}{why}" in capsys.readouterr().err


def test_a_file_cut_short_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"answer": "7", "reference": "7"}\n' * 99)[:-9])
    assert verify_file(str(path), "numeric", False, 1, io.StringIO()) == 2
    assert "its gzip data is cut short. Copy or download the file again" in capsys.readouterr().err


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert verify_file(str(tmp_path / "none.jsonl"), "math", False, 1, io.StringIO()) == 2
    assert "none.jsonl" in capsys.readouterr().err


def judged(folder: Path, *pairs: object, kind: str = "math") -> list[dict]:
    out = io.StringIO()
    verify_file(written(folder, *pairs), kind, True, 1, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_outputs_and_ground_truths_are_answers_and_references(tmp_path: Path):
    pairs = [
        {"output": "so 5", "ground_truth": "5"},
        {"question": "2+3?", "answer": "#### 5", "output": "so it is 6"},
        {"prediction": "4", "answers": ["3", "4"]},
        {"answer": 5, "reference": 5},
    ]
    assert [verdict["right"] for verdict in judged(tmp_path, *pairs)[:-1]] == [True, False, True, True]


def test_every_one_of_several_answers_is_judged(tmp_path: Path):
    *verdicts, summary = judged(
        tmp_path, {"output": ["so 5", "so 6", None], "reference": "5"}, {"answer": "5", "reference": "5"}
    )
    assert [(one["line"], one.get("sample"), one["right"]) for one in verdicts] == [
        (1, 1, True), (1, 2, False), (1, 3, None), (2, None, True)
    ]  # fmt: skip
    assert summary["summary"] == {"total": 4, "right": 2, "wrong": 1, "undecided": 1}


def test_a_line_without_an_answer_is_undecided_and_the_rest_is_judged(tmp_path: Path):
    pairs = [
        {"answer": None, "reference": "5"},
        {"answer": "5", "reference": float("nan")},
        {"answer": "5", "reference": "5"},
    ]
    first, second, third, _ = judged(tmp_path, *pairs)
    assert (first["right"], second["right"], third["right"]) == (None, None, True)
    assert first["line"] == 1
    assert "no answer: null" in first["reason"]
    assert "nan, which is no value" in second["reason"]
