"""`distilray evaluate`: what it prints, as text and as JSON, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_models_are_asked_or_responses_scored_and_not_both(tmp_path: Path):
    for words in (["m"], ["m", "--benchmarks", "gsm8k", "--responses", "r.jsonl"]):
        ended = distilray("evaluate", *words)
        assert ended.code == 2 and "either --benchmarks or --tasks, what models are asked, or" in ended.err
    ended = distilray("evaluate", "gsm8k", "ifeval", "--responses", "r.jsonl")
    assert ended.code == 2 and "of one benchmark" in ended.err
    ended = distilray("evaluate", "m", "--benchmarks", "gsm8k", "--samples", "s.jsonl")
    assert ended.code == 2 and "--samples is for --responses" in ended.err


def test_what_models_cannot_be_asked_is_said_before_anything_starts(tmp_path: Path):
    teacher = "package://distilray.practice/checkpoints/teacher"
    for benchmarks, told in (
        ("gsm9k", "the nearest is gsm8k"),
        ("mt_bench", "mt_bench is scored by a judge: name one with --judge MODEL"),
    ):
        ended = distilray("evaluate", teacher, "--benchmarks", benchmarks, "--data-dir", str(tmp_path))
        assert ended.code == 2 and told in ended.err
    ended = distilray("evaluate", teacher, "--benchmarks", "gsm8k", "--set", "gpu=1")
    assert ended.code == 2 and "no model has a setting 'gpu'" in ended.err


@pytest.mark.slow
def test_a_checkpoint_is_evaluated_and_the_same_command_takes_up_its_answers(ray_cluster: None, tmp_path: Path):
    data = put(tmp_path / "d", {f"gsm8k/{name}": one for name, one in SAMPLES["gsm8k"]().files.items()})
    words = [
        "evaluate", "tiny=package://distilray.practice/checkpoints/teacher", "--benchmarks", "gsm8k",
        "--data-dir", data,
        "--run", str(tmp_path / "run"), "--max-tokens", "24", "--set", "max_model_len=512", "--set", "cpus=0.5",
    ]  # fmt: skip
    record = distilray(*words, "--json")
    assert record.code == 0, record.err
    [found] = json.loads(record.out)["results"]
    assert (found["model"], found["benchmark"], found["questions"], found["responses"]) == ("tiny", "gsm8k", 2, 2)
    assert 0 < found["mean_output_tokens"] <= 24
    text = distilray(*words)
    assert text.code == 0 and "GSM8K" in text.out and f"cut {found['truncated_share']:.1%}" in text.out
