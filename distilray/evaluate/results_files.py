"""Results in the shape of lm-evaluation-harness's ``results_*.json``, for everything that reads such files.

{"results": {"gsm8k": {"alias": "gsm8k", "exact_match,none": 0.71, "exact_match_stderr,none": 0.012, ...}},
 "n-samples": {"gsm8k": {"original": 1319, "effective": 1319}}, "config": {"model": "vllm", "gen_kwargs": {...}, ...},
 "system_instruction": "...", "chat_template_sha": "...", "distilray": {...}, ...}

``distilray`` holds what that shape has no place for: the template's hash, the judges, the clusters, the versions.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from distilray.evaluate.conditions import Conditions
from distilray.evaluate.recorded.samples import samples_file
from distilray.evaluate.recorded.summaries import Evaluation
from distilray.evaluate.results import RESULT, Result, further_numbers
from distilray.evaluate.sample_files import write_run_samples
from distilray.evaluate.statistics import Estimate
from distilray.ledger import Manifest, UnitInput
from distilray.storage import Store

FILTER = "none"
"""The harness's name for results that no filter of its own made."""
RESULTS_FOLDER = "results"


def results_record(result: Result) -> dict[str, Any]:
    """``result`` with its conditions, as JSON-like values in the harness's shape."""
    about = result.conditions or Conditions()
    name = result.benchmark
    system = about.system
    return {
        "results": {name: {"alias": name, **_values(result)}},
        "group_subtasks": {name: []},
        "configs": {name: {"task": name, **about.benchmark, "metric": result.metric, "repeats": result.samples}},
        "versions": {name: about.questions},
        "n-shot": {name: 0},
        "higher_is_better": {name: dict.fromkeys(result.metrics, True)},
        "n-samples": {name: {"original": result.questions + result.missing, "effective": result.questions}},
        "config": {
            "model": about.kind,
            "model_args": {"model": about.model, "weights": about.weights},
            "gen_kwargs": about.sampling,
            "limit": about.benchmark.get("limit"),
            "random_seed": about.seed,
        },
        "date": _seconds(about.started),
        "task_hashes": {name: result.fingerprint},
        "model_source": about.kind,
        "model_name": about.model or result.model,
        "model_name_sanitized": sanitized(about.model or result.model),
        "system_instruction": system,
        "system_instruction_sha": None if system is None else hashlib.sha256(system.encode()).hexdigest(),
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": about.template_sha256,
        "total_evaluation_time_seconds": str(round(about.seconds, 3)),
        "transformers_version": about.versions.get("transformers"),
        "distilray": msgspec.to_builtins(result),
    }


def write_results_file(store: Store, folder: str, result: Result, stamp: str) -> str:
    """Publishes ``result`` as ``FOLDER/results_STAMP.json``; its path in the store."""
    path = f"{folder}/results_{stamp}.json".lstrip("/")
    store.write_json(path, results_record(result))
    return path


def stamp_of(moment: str | None) -> str:
    """A time of the ledger as files of the harness carry it: ``2026-11-27T16-40-00``; now where it is None."""
    when = datetime.fromisoformat(moment) if moment else datetime.now(UTC)
    return when.strftime("%Y-%m-%dT%H-%M-%S")


def sanitized(name: str) -> str:
    """A model's name as the harness makes a folder of it."""
    return re.sub(r'["<>:/\\|?*\[\]]+', "__", name) or "responses"


def _values(result: Result) -> dict[str, Any]:
    """Metrics with their standard errors under the harness's names, and what qualifies them."""
    metrics = result.metrics or {result.metric: Estimate(result.value, result.stderr, result.questions)}
    values: dict[str, Any] = {}
    for name, estimate in metrics.items():
        if not math.isnan(estimate.value):
            values[f"{name},{FILTER}"] = estimate.value
            values[f"{name}_stderr,{FILTER}"] = "N/A" if estimate.stderr is None else estimate.stderr
    if result.mean_output_tokens is not None:
        values[f"mean_output_tokens,{FILTER}"] = result.mean_output_tokens
    values[f"truncated_share,{FILTER}"] = result.truncated_share
    values[f"unparsed_share,{FILTER}"] = result.unparsed_share
    return values


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None


def publish(
    store: Store, directory: str, units: Sequence[UnitInput], result: Result, evaluation: Evaluation | None = None
) -> Result:
    """``result`` with what the ledger knows of its evaluation, whose stage is ``directory`` and whose answered rows are
    in ``units``; published as ``result.json``, and below ``results/`` in the harness's shape and with every answer.
    ``evaluation`` has the answers of benchmarks that score them with more than one metric.

    The files' names carry the time at which the evaluation ended, so that publishing it again replaces them.
    """
    manifest = Manifest.read(store, directory)
    assert manifest is not None  # the phase that answered wrote it
    about = result.conditions or Conditions()
    used = manifest.details.get("templates", {}).get(result.model, {})
    result.conditions = msgspec.structs.replace(
        about,
        template_hash=about.template_hash or used.get("hash"),
        template_sha256=about.template_sha256 or used.get("sha256"),
        started=manifest.started,
        finished=manifest.finished,
        seconds=manifest.seconds,
        usage=manifest.models,
        versions=manifest.versions,
    )
    if evaluation is None:
        result.missing = sum(step.rows_in - step.kept for step in manifest.steps)
    else:
        result = msgspec.structs.replace(result, **further_numbers(store, units))
    store.write_json(f"{directory}/{RESULT}", result)
    folder, stamp = f"{directory}/{RESULTS_FOLDER}", stamp_of(manifest.finished)
    write_results_file(store, folder, result, stamp)
    samples = f"{folder}/samples_{result.benchmark}_{stamp}.parquet"
    if not store.exists(samples):
        if evaluation is None:
            write_run_samples(store, samples, units, result)
        else:
            store.write(samples, samples_file([evaluation], [result]))
    return result
