"""Results and samples as files: what others read of them, what is inside, and where they are published."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from distilray.evaluate import BenchmarkStep, Result, conditions_of, measured, publish, read_results, results_record
from distilray.evaluate.results_files import sanitized, stamp_of
from distilray.ledger import Manifest, StepCounts, UnitCounts, UnitInput, list_stages, write_unit
from distilray.models import EchoModel
from distilray.rows import schema_with
from distilray.storage import Store

FOLDER = "evaluations/teacher/sums"
FINISHED = "2026-11-27T16:40:00+00:00"


def evaluated(store: Store) -> tuple[list[UnitInput], Result]:
    """A finished evaluation: of three questions one was right twice, one once and unreadable once, one failed."""
    columns = [
        {"answers": ["861", "so 861"], "correct": [True, True], "readable": [True, True], "finish": ["stop", "length"]},
        {"answers": ["7", "?"], "correct": [True, False], "readable": [True, False], "finish": ["stop", "stop"]},
    ]
    rows: list[dict[str, Any]] = []
    for k, column in enumerate(columns):
        share = sum(column["correct"]) / 2
        asked = [{"role": "system", "content": "s"}, {"role": "user", "content": f"question {k}"}]
        row = {"id": f"q{k}", "messages": asked, "reference": str(k), "outcome": "kept", "correct_share": share}
        row |= {"answer_tokens": 5.0, "tokens": [4, 6], "reasons": ["first", "second"], "truncated": 1 - k}
        rows.append(row | {"unparsed": k, "answer": column["answers"][0]} | column)
    rows.append({"id": "q2", "messages": [], "outcome": "failed", "stopped_at": "benchmark", "reason": "BadReply"})
    counts = UnitCounts([StepCounts("benchmark", rows_in=3, kept=2, failed=1)], {"teacher": {"tokens_out": 20}})
    path = f"{FOLDER}/unit-000000.parquet"
    write_unit(store, path, rows, schema_with(BenchmarkStep.writes), counts)
    manifest = Manifest(name="sums", kind="phase", fingerprint="f", started=FINISHED, finished=FINISHED, seconds=12.5)
    manifest.versions = {"transformers": "5.23.0"}
    manifest.add(counts)
    manifest.write(store, FOLDER)
    units = [UnitInput(path)]
    result = measured(store, units, "teacher", "sums", "exact_match")
    result.conditions = conditions_of(EchoModel(), samples=2, judges={}, seed=7, benchmark={"limit": 3})
    return units, result


def test_an_evaluation_is_published_with_its_conditions_and_every_answer(local_store: Store):
    units, result = evaluated(local_store)
    published = publish(local_store, FOLDER, units, result)
    assert (published.missing, published.questions, published.value) == (1, 2, 0.75)
    [read] = read_results(local_store)
    assert read == published
    folder = f"{FOLDER}/results"
    stamp = "2026-11-27T16-40-00"
    assert local_store.names(folder) == [f"results_{stamp}.json", f"samples_sums_{stamp}.parquet"]
    record = local_store.read_json(f"{folder}/results_{stamp}.json")
    about = record["distilray"]["conditions"]
    assert (about["seed"], about["seconds"], about["usage"]["teacher"]["tokens_out"]) == (7, 12.5, 20)
    assert record["n-samples"] == {"sums": {"original": 3, "effective": 2}}
    samples = local_store.full(f"{folder}/samples_sums_{stamp}.parquet")
    inside = msgspec.json.decode(pq.read_metadata(samples).metadata[b"distilray.evaluation"], type=list[Result])
    assert inside == [published]
    rows = pq.read_table(samples).to_pylist()
    assert [(row["question"], row["sample"], row["score"]) for row in rows] == [
        ("q0", 0, 1.0), ("q0", 1, 1.0), ("q1", 0, 1.0), ("q1", 1, 0.0),
    ]  # fmt: skip
    last = rows[-1]
    assert (last["parsed"], last["truncated"], last["output_tokens"], last["reason"]) == (False, False, 6, "second")
    assert (last["input"], last["target"], last["scores"]) == ("question 1", "1", {"exact_match": 0.0})
    assert rows[1]["truncated"] is True


def test_a_template_that_was_not_at_hand_is_the_one_that_the_engines_used(local_store: Store):
    """As of a name on the hub that only the engines' nodes have fetched; of a checkpoint at hand its files tell."""
    units, result = evaluated(local_store)
    manifest = Manifest.read(local_store, FOLDER)
    assert manifest is not None and result.conditions is not None and result.conditions.template_hash is None
    manifest.details["templates"] = {"teacher": {"hash": "5e0c1a2b3c4d", "sha256": "ab" * 32}, "judge": {"hash": "0"}}
    manifest.write(local_store, FOLDER)
    about = publish(local_store, FOLDER, units, result).conditions
    assert about is not None and (about.template_hash, about.template_sha256) == ("5e0c1a2b3c4d", "ab" * 32)
    [file] = [name for name in local_store.names(f"{FOLDER}/results") if name.endswith(".json")]
    record = local_store.read_json(f"{FOLDER}/results/{file}")
    assert record["chat_template_sha"] == "ab" * 32
    assert record["distilray"]["conditions"]["template_hash"] == "5e0c1a2b3c4d"
    result.conditions = msgspec.structs.replace(about, template_hash="0123456789ab", template_sha256="cd" * 32)
    known = publish(local_store, FOLDER, units, result).conditions
    assert known is not None and (known.template_hash, known.template_sha256) == ("0123456789ab", "cd" * 32)


def test_publishing_again_replaces_and_the_units_of_the_stage_are_its_own(local_store: Store):
    units, result = evaluated(local_store)
    publish(local_store, FOLDER, units, result)
    before = local_store.names(f"{FOLDER}/results")
    publish(local_store, FOLDER, units, result)
    assert local_store.names(f"{FOLDER}/results") == before
    local_store.write_json("benchmarks/sums/manifest.json", Manifest(name="s", kind="sources", fingerprint="q"))
    [stage] = [stage for stage in list_stages(local_store) if stage.folder == FOLDER]
    assert list(stage.units) == ["unit-000000"]


def test_the_harness_prints_its_table_of_it(local_store: Store):
    from lm_eval.utils import make_table, sanitize_model_name

    _, result = evaluated(local_store)
    record = json.loads(json.dumps(results_record(result)))
    table = make_table(record)
    lines = {name: line for line in table.splitlines() for name in ("exact_match", "pass@2") if f"|{name} " in line}
    assert "0.75" in lines["exact_match"] and "±" in lines["exact_match"] and "1.0" in lines["pass@2"], table
    assert "truncated_share" in table
    for name in ("Qwen/Qwen2.5-7B", 'a"b<c>|d\\e', "[x]?"):
        assert sanitized(name) == sanitize_model_name(name)


def test_a_value_that_is_none_and_an_error_that_is_not_known_are_left_open(local_store: Store):
    _, result = evaluated(local_store)
    [first, *_] = result.metrics
    result.metrics = {first: msgspec.structs.replace(result.metrics[first], stderr=None)}
    assert results_record(result)["results"]["sums"]["exact_match_stderr,none"] == "N/A"
    result.metrics = {first: msgspec.structs.replace(result.metrics[first], value=float("nan"))}
    assert "exact_match,none" not in results_record(result)["results"]["sums"]


@pytest.mark.parametrize("moment", [FINISHED, None])
def test_a_file_carries_the_time_at_which_it_ended(moment: str | None):
    assert stamp_of(moment).count("-") == 4 and ":" not in stamp_of(moment)
