"""The results of recorded responses as files: one folder a model, as lm-evaluation-harness lays them out.

OUT/gemma-2b-it/results_2026-11-27T16-40-00.json
OUT/gemma-2b-it/samples_alpaca_eval_2026-11-27T16-40-00.parquet
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from distilray.evaluate.asking.evaluations import result_line
from distilray.evaluate.conditions import Conditions
from distilray.evaluate.recorded.samples import samples_file
from distilray.evaluate.recorded.summaries import Evaluation
from distilray.evaluate.results import Result
from distilray.evaluate.results_files import sanitized, stamp_of, write_results_file
from distilray.ledger import fingerprint, now
from distilray.runner import versions
from distilray.storage import Store


def result_of(evaluation: Evaluation, responses: str = "", data_dir: str | None = None) -> Result:
    """``evaluation`` as a result; ``responses`` and ``data_dir`` are where they were read."""
    digest = hashlib.sha256()
    for one in evaluation.scored:
        digest.update(f"{one.question.id}\0{one.response.text}\0".encode())
    line = result_line(evaluation, evaluation.benchmark, next(iter(evaluation.metrics)))
    return msgspec.structs.replace(
        line,
        mean_output_tokens=evaluation.mean_output_tokens,
        fingerprint=digest.hexdigest()[:16],
        conditions=Conditions(
            model=evaluation.model,
            kind="recorded",
            judges=_judges(evaluation),
            benchmark={"name": evaluation.benchmark, "release": evaluation.release, "data_dir": data_dir,
                       "responses": responses, "notes": evaluation.notes},
            questions=fingerprint(sorted({one.question.id for one in evaluation.scored})),
            finished=now(),
            versions=versions(),
        ),
    )  # fmt: skip


def _judges(evaluation: Evaluation) -> dict[str, dict[str, str]]:
    """Who the recorded judgments say gave them: AlpacaEval's ``annotator``, MT-Bench's ``judge`` with its prompt."""
    found: dict[str, dict[str, str]] = {}
    for one in evaluation.scored:
        told = one.response.record.get("annotator") or one.response.record.get("judge")
        parts = [str(part) for part in told] if isinstance(told, list) else [str(told)] if told else []
        if parts:
            found[" ".join(parts)] = {"name": parts[0], "version": " ".join(parts[1:])}
    return found


def write_results(
    evaluations: Sequence[Evaluation], out: str, responses: str = "", data_dir: str | None = None
) -> list[str]:
    """Writes results and samples of each evaluation below ``out`` (a folder or a URI); the paths of the results.

    Raises :class:`~distilray.storage.StoreError` where nothing can be written there.
    """
    store = Store.reach(out)
    written = []
    for evaluation in evaluations:
        result = result_of(evaluation, responses, data_dir)
        assert result.conditions is not None
        folder, stamp = sanitized(evaluation.model), stamp_of(result.conditions.finished)
        path = write_results_file(store, folder, result, stamp)
        store.write(f"{folder}/samples_{result.benchmark}_{stamp}.parquet", samples_file([evaluation], [result]))
        written.append(f"{store.shown}/{path}")
    return written
