"""The results of recorded responses as files: a folder for each model, results in the harness's shape, all samples."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from distilray.evaluate import Result, evaluate_recorded, result_of
from tests.support.command_line import distilray
from tests.support.published_data import SAMPLES, lines, put


def test_every_model_has_a_folder_with_results_and_samples(tmp_path: Path):
    sample = SAMPLES["gsm8k"]()
    records = [{**one, "model": "lab/good"} for one in sample.right] + [{**one, "model": "bad"} for one in sample.wrong]
    responses, data = lines(tmp_path / "r.jsonl", records), put(tmp_path / "d", sample.files)
    out = tmp_path / "out"
    words = ("--responses", responses, "--data-dir", data, "--out", str(out))
    assert distilray("evaluate", "gsm8k", *words).code == 0
    assert sorted(path.name for path in out.iterdir()) == ["bad", "lab__good"]
    [results] = (out / "lab__good").glob("results_*.json")
    [samples] = (out / "lab__good").glob("samples_gsm8k_*.parquet")
    record = json.loads(results.read_text("utf-8"))
    assert record["results"]["gsm8k"]["accuracy,none"] == 1.0
    assert record["distilray"]["conditions"]["kind"] == "recorded"
    assert record["distilray"]["conditions"]["benchmark"]["responses"] == responses
    assert "python" in record["distilray"]["conditions"]["versions"]
    table = pq.read_table(samples)
    assert table["question"].to_pylist() == ["0", "1"] and set(table["model"].to_pylist()) == {"lab/good"}
    assert table["target"].to_pylist()[0] == sample.files["test.jsonl"][0]["answer"]
    [inside] = msgspec.json.decode(pq.read_metadata(samples).metadata[b"distilray.evaluation"], type=list[Result])
    assert (inside.value, inside.questions) == (1.0, 2)


def test_the_fingerprint_is_of_the_responses(tmp_path: Path):
    sample = SAMPLES["gsm8k"]()
    data = put(tmp_path / "d", sample.files)
    found = {}
    for name, records in {"one": sample.right, "same": sample.right, "other": sample.wrong}.items():
        [evaluation] = evaluate_recorded("gsm8k", lines(tmp_path / f"{name}.jsonl", records), data)
        found[name] = result_of(evaluation).fingerprint
    assert found["one"] == found["same"] != found["other"]


def test_a_judgments_result_names_the_judge(tmp_path: Path):
    rating = {"question_id": 81, "model": "m", "judge": ["gpt-4", "single-v1"], "turn": 1, "judgment": "[[8]]"}
    [evaluation] = evaluate_recorded("mt_bench", lines(tmp_path / "gpt-4_single.jsonl", [rating]))
    result = result_of(evaluation)
    assert result.conditions is not None and result.highest == 10.0
    assert result.conditions.judges == {"gpt-4 single-v1": {"name": "gpt-4", "version": "single-v1"}}
    assert (result.value, result.stderr) == (8.0, 0.0)


def test_responses_without_a_score_still_make_a_samples_file(tmp_path: Path):
    rating = {"question_id": 81, "model": "m", "judge": ["gpt-4", "single-v1"], "turn": 1, "judgment": "none"}
    responses = lines(tmp_path / "gpt-4_single.jsonl", [rating])
    assert distilray("evaluate", "mt_bench", "--responses", responses, "--out", str(tmp_path / "out")).code == 0
    [samples] = (tmp_path / "out").rglob("samples_*.parquet")
    assert pq.read_table(samples)["score"].to_pylist() == [None]
