"""`distilray verify`: the kinds that it offers, and its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from distilray.cli import main
from distilray.cli.command_line import parse
from distilray.verifiers import KINDS


def pairs(folder: Path, *records: dict[str, object]) -> str:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_the_registry_is_offered(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse(["verify", "--help"])
    assert kind in capsys.readouterr().out
    references = {"format": "json", "code": [{"input": "", "output": "1"}], "language": "en", "refusal": False}
    answers = {"code": "print(1)", "choice": "(1)", "language": "A sentence in plain English, no more than that."}
    record = {"answer": answers.get(kind, "1"), "reference": references.get(kind, "1"), "timeout_s": 20}
    assert main(["verify", pairs(tmp_path, record), "--kind", kind, "--workers", "1"]) == 0


def test_a_kind_that_there_is_not_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = pairs(tmp_path, {"answer": "1", "reference": "1"})
    assert main(["verify", path, "--kind", "taste"]) == 2
    error = capsys.readouterr().err
    assert "--kind: there is no verifier 'taste'" in error
    assert all(kind in error for kind in KINDS)


def test_the_exit_code_says_whether_all_are_right(tmp_path: Path):
    right, wrong = {"answer": "so 1", "reference": "1"}, {"answer": "so 2", "reference": "1"}
    for records, code in (([right], 0), ([right, wrong], 1), ([right, {"text": "1"}], 2)):
        assert main(["verify", pairs(tmp_path, *records), "--kind", "numeric", "--workers", "1"]) == code
    assert main(["verify", str(tmp_path / "none.jsonl"), "--kind", "numeric"]) == 2


def test_a_users_verifier_takes_its_settings_from_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "close_verifier.py").write_text(
        "from distilray.verifiers import Verdict\n"
        "def close(answer, reference, *, within=0.0):\n"
        "    return Verdict(abs(float(answer) - float(reference)) <= within, 'compared')\n"
    )
    monkeypatch.chdir(tmp_path)  # what the command is called from is where a user's modules are found
    monkeypatch.setattr("sys.path", list(sys.path))
    record = {"answer": "1.2", "reference": "1"}
    assert main(["verify", pairs(tmp_path, record), "--kind", "close_verifier:close", "--workers", "1"]) == 1
    record["within"] = 0.5  # type: ignore[assignment]
    assert main(["verify", pairs(tmp_path, record), "--kind", "close_verifier:close", "--workers", "1"]) == 0
