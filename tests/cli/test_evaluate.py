"""`distilray evaluate`: what it prints, as text and as JSON, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.command_line import distilray
from tests.support.published_data import SAMPLES, lines, put

HEAVY = ("ray", "torch", "vllm", "transformers", "scipy", "sklearn", "nltk", "langdetect", "sympy")


def test_text_and_json_say_the_same(tmp_path: Path):
    sample = SAMPLES["gsm8k"]()
    responses = lines(tmp_path / "r.jsonl", [{**sample.right[0], "model": "m"}, {**sample.wrong[1], "model": "m"}])
    words = ("evaluate", "gsm8k", "--responses", responses, "--data-dir", put(tmp_path / "d", sample.files))
    text, record = distilray(*words), distilray(*words, "--json")
    assert (text.code, record.code) == (0, 0)
    [found] = json.loads(record.out)["results"]
    assert found["metrics"]["accuracy"] == {"value": 0.5, "stderr": 0.5, "n": 2}
    assert text.out.splitlines()[0] == "GSM8K: m"
    assert "accuracy    0.5000 ± 0.5000" in text.out
    assert "2 of 2 questions answered, 0 missing; 2 responses, 1 a question" in text.out
    assert "truncated 0.0%, unparsed 0.0%" in text.out


def test_responses_are_asked_for():
    ended = distilray("evaluate", "gsm8k")
    assert ended.code == 2 and "--responses" in ended.err


def test_the_help_loads_nothing_heavy():
    code = (
        "import sys; from distilray.cli.command_line import parse\n"
        "try: parse(['evaluate', '--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
