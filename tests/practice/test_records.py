"""Records of the world as files, and the words that `distilray practice` does not know."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from distilray.cli import main
from distilray.errors import InputError
from distilray.practice import SOURCES, make, problems


def test_records_are_written_as_the_source_yields_them(tmp_path):
    out = tmp_path / "problems.jsonl"
    assert main(["practice", "make", "problems", "--rows", "5", "--seed", "3", "--out", str(out)]) == 0
    assert [json.loads(line) for line in out.read_text("utf-8").splitlines()] == list(problems(5, 3))


@pytest.mark.parametrize("kind", SOURCES)
def test_making_any_records_loads_no_torch(kind, tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\nfrom distilray.practice import make\n"
        f"make({kind!r}, 2, 1, Path({str(tmp_path / 'out.jsonl')!r}))\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_word_that_there_is_not_is_an_error_with_those_there_are(tmp_path, capsys):
    with pytest.raises(InputError, match="no records 'riddles' in the practice world; they are problems, traces"):
        make("riddles", 1, 1, tmp_path / "out.jsonl")
    assert main(["practice", "measure", "poet"]) == 2
    assert "its roles are teacher, judge, student_blank, student_warm, student_converged" in capsys.readouterr().err
