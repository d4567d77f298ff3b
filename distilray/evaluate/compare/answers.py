"""The answers of one model to one benchmark, as files hold them: ours, or samples of lm-evaluation-harness.

Answers(benchmark="gsm8k", model="student_after", metric="exact_match", samples=[Sample(question="gsm8k/test:17", ...)])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from distilray.errors import InputError
from distilray.evaluate.recorded.forms import of_harness, responses_of
from distilray.evaluate.statistics import Estimate


class CompareError(InputError):
    """What cannot be compared; the text names the place and the remedy."""


class Sample(msgspec.Struct, kw_only=True):
    """One answer to one question; None for what its file does not say."""

    question: str
    sample: int = 0
    cluster: str = ""
    subset: str = ""
    input: str = ""
    target: str = ""
    response: str = ""
    extracted: str = ""
    score: float | None = None
    scores: dict[str, float] = {}
    weights: dict[str, float] = {}
    parsed: bool | None = None
    truncated: bool | None = None
    output_tokens: int | None = None
    reason: str = ""


class Answers(msgspec.Struct, kw_only=True):
    """One model on one benchmark."""

    benchmark: str
    model: str
    metric: str
    """The main one."""
    place: str
    """File."""
    highest: float = 1.0
    """The highest value that its scores can have."""
    samples: list[Sample] = []
    metrics: dict[str, Estimate] = {}
    """Of results without samples."""


def answers_of(records: Iterable[Mapping[str, Any]], place: str, task: str, folder: str) -> list[Answers]:
    """The answers in ``records``, by benchmark and model; ``task`` and ``folder`` name these where records do not.

    Raises :class:`CompareError` for a record that is no sample.
    """
    found: dict[tuple[str, str], Answers] = {}
    filters: dict[str, str] = {}
    for number, record in enumerate(records, 1):
        where = f"{place}:{number}"
        if of_harness(record):
            kind = str(record.get("filter") or "")
            if filters.setdefault(task, kind) != kind:
                continue  # the same response as another filter of the harness reads it
            benchmark, model = task, folder
            metric, sample = _of_harness(record, where)
        else:
            benchmark, model = record.get("benchmark") or task, record.get("model") or folder
            metric, sample = _own(record, where)
        answers = found.setdefault(
            (benchmark, model), Answers(benchmark=benchmark, model=model, metric=metric, place=place)
        )
        answers.highest = float(record.get("highest") or 1.0)
        answers.samples.append(sample)
    return list(found.values())


def _own(record: Mapping[str, Any], where: str) -> tuple[str, Sample]:
    if "question" not in record or not isinstance(record.get("scores"), Mapping):
        raise CompareError(
            f"{where}: not a sample; the record has {', '.join(map(str, record)) or 'nothing'}\n  give a samples_* "
            "file of distilray or of lm-evaluation-harness; recorded responses are scored by `distilray evaluate` first"
        )
    known = {name: value for name in Sample.__struct_fields__ if (value := record.get(name)) is not None}
    for name in ("scores", "weights"):
        known[name] = {metric: value for metric, value in known.get(name, {}).items() if value is not None}
    metric = record.get("metric") or next(iter(known["scores"]), "")
    known.setdefault("score", known["scores"].get(metric))
    return metric, msgspec.convert({**known, "question": str(record["question"])}, Sample)


def _of_harness(record: Mapping[str, Any], where: str) -> tuple[str, Sample]:
    names = record.get("metrics") or []
    scores = {name: float(record[name]) for name in names if isinstance(record.get(name), int | float)}
    if not scores:
        raise CompareError(
            f"{where}: a sample without a score; its metrics are {names or 'not named'}\n  score the responses with "
            "`distilray evaluate BENCHMARK --responses FILE --samples FILE` first"
        )
    first = next(iter(responses_of(dict(record), where)))
    metric = next(iter(scores))
    doc = record.get("doc") or {}
    read = record.get("filtered_resps")
    return metric, Sample(
        question=str(record.get("doc_id")),
        input=next(iter(first.prompts), ""),
        target=str(record.get("target", doc.get("answer", ""))),
        response=first.text or "\n".join(f"option {k}: {score:g}" for k, score in enumerate(first.choice_scores)),
        extracted=_text(read[0] if isinstance(read, list) and read else read),
        score=scores[metric],
        scores=scores,
        output_tokens=first.output_tokens,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
