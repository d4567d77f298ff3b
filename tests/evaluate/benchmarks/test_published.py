"""Every published benchmark on a small data set in its own format: right responses score 1, wrong ones 0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.evaluate import PUBLISHED, Evaluation, evaluate_recorded, published_benchmark
from tests.support.command_line import distilray
from tests.support.published_data import SAMPLES, lines, put

JUDGED = {"alpaca_eval", "mt_bench"}


def evaluated(name: str, folder: Path, which: str) -> Evaluation:
    sample = SAMPLES[name]()
    responses = lines(folder / "responses.jsonl", getattr(sample, which))
    [evaluation] = evaluate_recorded(
        name, responses, put(folder / "data", {f"{name}/{k}": v for k, v in sample.files.items()})
    )
    return evaluation


@pytest.mark.parametrize("name", SAMPLES)
def test_right_responses_score_one_and_wrong_ones_nothing(name: str, tmp_path: Path):
    right, wrong = evaluated(name, tmp_path / "right", "right"), evaluated(name, tmp_path / "wrong", "wrong")
    for metric in PUBLISHED[name].metrics:
        assert (right.metrics[metric].value, wrong.metrics[metric].value) == (1.0, 0.0)
    assert right.missing == right.unparsed == 0 and right.answered == right.questions


def test_every_benchmark_is_tried():
    assert SAMPLES.keys() | JUDGED == PUBLISHED.keys()


def test_a_subject_has_its_own_mean_and_the_macro_mean_is_over_subjects(tmp_path: Path):
    sample = SAMPLES["mmlu"]()
    half = [*sample.right[:2], sample.wrong[2]]
    responses = lines(tmp_path / "responses.jsonl", half)
    [found] = evaluate_recorded("mmlu", responses, put(tmp_path / "mmlu", sample.files))
    assert {name: one.value for name, one in found.subsets.items()} == {"anatomy": 0.0, "astronomy": 1.0}
    assert found.metrics["accuracy"].value == pytest.approx(2 / 3)
    assert found.metrics["accuracy_macro"].value == 0.5


def test_ifevals_instructions_of_one_prompt_are_one_cluster(tmp_path: Path):
    sample = SAMPLES["ifeval"]()
    mixed = [{**sample.right[0], "response": "one, two three"}, sample.right[1]]
    [found] = evaluate_recorded("ifeval", lines(tmp_path / "r.jsonl", mixed), put(tmp_path / "d", sample.files))
    assert found.metrics["inst_level_strict_acc"].value == pytest.approx(2 / 3)
    assert found.metrics["inst_level_strict_acc"].n == 2
    assert found.metrics["prompt_level_strict_acc"].value == 0.5


def test_a_letter_of_shuffled_options_needs_their_order(tmp_path: Path):
    sample = SAMPLES["gpqa_diamond"]()
    data = put(tmp_path / "d", sample.files)
    [record] = sample.right
    for told in (
        {"target": "C"},
        {"answer": "(C)"},
        {"choice1": "a", "choice2": "b", "choice3": "10^-4 eV", "choice4": ""},
        {"prompt": "Which energy is it?\n\nA) 10^-1 eV\nB) 10^-2 eV\nC) 10^-4 eV\nD) 10^-3 eV"},
    ):
        plain = {"id": "rec1", "response": record["response"], **told}
        [found] = evaluate_recorded("gpqa_diamond", lines(tmp_path / "r.jsonl", [plain]), data)
        assert found.metrics["accuracy"].value == 1.0
    bare = lines(tmp_path / "r.jsonl", [{"id": "rec1", "response": "C"}])
    ended = distilray("evaluate", "gpqa_diamond", "--responses", bare, "--data-dir", data)
    assert ended.code == 2 and "in which order the options were shown" in ended.err


def test_the_name_may_be_written_otherwise():
    assert published_benchmark("MATH-500").name == "math_500"
    assert published_benchmark("LiveCodeBench_v2").name == "livecodebench_v2"


def test_every_name_is_in_the_help_and_the_documentation(capsys: pytest.CaptureFixture[str]):
    from tests.support.paths import ROOT

    page = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    helped = distilray("evaluate", "--help").out
    for name, cls in PUBLISHED.items():
        assert name in helped and f"`{name}`" in page
        for patterns in cls.layout.files:
            assert all(f"`{pattern}`" in page for pattern in patterns if "*." not in pattern[:2]), (name, patterns)


def test_the_samples_file_has_every_response(tmp_path: Path):
    sample = SAMPLES["gsm8k"]()
    data, responses = put(tmp_path / "d", sample.files), lines(tmp_path / "r.jsonl", sample.right)
    for ending in ("jsonl", "parquet"):
        out = tmp_path / f"samples.{ending}"
        assert (
            distilray("evaluate", "gsm8k", "--responses", responses, "--data-dir", data, "--samples", str(out)).code
            == 0
        )
        if ending == "jsonl":
            written = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        else:
            import pyarrow.parquet as pq

            written = pq.read_table(out).to_pylist()
        assert [(one["question"], one["scores"]["accuracy"]) for one in written] == [("0", 1.0), ("1", 1.0)]


def test_tests_that_cannot_be_read_are_a_fault_of_the_data_set(tmp_path: Path):
    sample = SAMPLES["livecodebench_v2"]()
    problem = {**sample.files["test.jsonl"][0], "private_test_cases": "eJxnonsense"}
    data = put(tmp_path / "d", {"test.jsonl": [problem]})
    ended = distilray(
        "evaluate", "livecodebench_v2", "--responses", lines(tmp_path / "r.jsonl", sample.right[:1]), "--data-dir", data
    )
    assert ended.code == 2 and "problem 1873_A: its tests cannot be read" in ended.err


def test_packed_tests_that_would_run_code_are_not_unpickled():
    import base64
    import os
    import pickle
    import zlib

    from distilray.evaluate.benchmarks.livecodebench_v2 import decoded_tests

    packed = base64.b64encode(zlib.compress(pickle.dumps(os.system))).decode()
    with pytest.raises(pickle.UnpicklingError, match="not a text"):
        decoded_tests(packed)


def test_a_completion_ends_with_the_fence_that_its_prompt_opened(tmp_path: Path):
    sample = SAMPLES["humaneval"]()
    data, task = put(tmp_path / "d", sample.files), "HumanEval/0"
    texts = [
        "    return 2 * n\n```\nIt doubles.",
        "```python\ndef double(n):\n    return 2 * n\n```",
        "    return 2 * n\n",
    ]
    records = [{"task_id": task, "completion": f"<think>hm</think>\n{text}"} for text in texts]
    [found] = evaluate_recorded("humaneval", lines(tmp_path / "r.jsonl", records), data)
    assert found.metrics["pass@1"].value == 1.0
