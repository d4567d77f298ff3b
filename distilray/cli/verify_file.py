"""`distilray verify FILE --kind ...`: score the (answer, reference) pairs of a file, streaming, on all cores.

A line of FILE is a JSON object with `answer` (or `completion`, `response`, `output`; a text or a list of them, each
judged by itself) and `reference` (or `golden`, `target`, `ground_truth`, `tests`). Where a line has an `output` and no
reference, its `answer` is the reference. Its other keys are passed to the verifier if they name one of its settings
(`options`, `timeout_s`).
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, TextIO

from distilray.errors import InputError
from distilray.sources import Malformed, SourceError, read_file
from distilray.verifiers import Verdict, VerifierPool, row_reference, shorten, undecided, verifier_of

_ANSWER = ("answer", "completion", "response", "prediction", "output", "outputs", "generation", "answers")
_REFERENCE = ("reference", "references", "golden", "target", "ground_truth", "label", "tests")
_AHEAD = 256  # pairs in flight per worker: memory stays flat however long the file
_MARK = {True: "right", False: "wrong", None: "undecided"}


class Pair(NamedTuple):
    """An answer of a line, which of several it is (from 1; None for the only one), and what it is compared with."""

    line: int
    sample: int | None
    answer: Any
    reference: Any
    settings: dict[str, Any]


class PairError(InputError):
    """A line of the file that is not a pair; the message names file, line and what is expected."""


def verify_file(path: str, kind: str, json_output: bool, workers: int | None = None, out: TextIO | None = None) -> int:
    """Print a verdict per line of `path` and a summary, as text or as JSON lines. 0 when all were decided and right,
    1 when any was wrong or undecided, 2 when the file cannot be read (with the reason on stderr)."""
    stream = out or sys.stdout
    try:
        counts = asyncio.run(_verify(path, kind, json_output, workers or os.cpu_count() or 1, stream))
    except (PairError, SourceError) as error:
        print(f"verify: {error}", file=sys.stderr)
        return 2
    total = sum(counts.values())
    if json_output:
        print(json.dumps({"summary": {"total": total, **{name: counts[name] for name in _MARK.values()}}}), file=stream)
    else:
        share = f", {counts['right'] / total:.1%} right" if total else ""
        print(
            f"{total} checked: " + ", ".join(f"{counts[name]} {name}" for name in _MARK.values()) + share, file=stream
        )
    return int(counts["right"] != total)


async def _verify(path: str, kind: str, json_output: bool, workers: int, out: TextIO) -> Counter[str]:
    pool = VerifierPool(workers=workers)
    counts: Counter[str] = Counter()
    try:
        async for pair, verdict in _in_order(pool, kind, path, workers * _AHEAD):
            counts[_MARK[verdict.right]] += 1
            print(_shown(pair, verdict, json_output), file=out)
    finally:
        await pool.close()
    return counts


async def _in_order(pool: VerifierPool, kind: str, path: str, ahead: int) -> AsyncIterator[tuple[Pair, Verdict]]:
    """Verdicts in the order of the file, with at most `ahead` checks in flight."""
    waiting: list[tuple[Pair, asyncio.Task[Verdict]]] = []
    try:
        for pair in read_pairs(path, kind):
            waiting.append((pair, asyncio.create_task(_decide(pool, kind, pair))))
            if len(waiting) >= ahead:
                first, task = waiting.pop(0)
                yield first, await task
        while waiting:
            first, task = waiting.pop(0)
            yield first, await task
    finally:
        for _, task in waiting:
            task.cancel()


async def _decide(pool: VerifierPool, kind: str, pair: Pair) -> Verdict:
    text = _text(pair.answer)
    if text is None:
        return undecided(f"no answer: {shorten(json.dumps(pair.answer))} is no text")
    return await pool.verify(kind, text, pair.reference, **pair.settings)


def read_pairs(path: str, kind: str) -> Iterator[Pair]:
    """The pairs of each record, read as those of sources are. Raises PairError at the first that is none or has no
    place for an answer, SourceError if there is no such file."""
    takes = verifier_of(kind).settings
    for number, record in read_file(path):
        if isinstance(record, Malformed):
            remedy = record.remedy or "Write an object with answer and reference"
            raise PairError(f"{path}:{number}: {record.why}. {remedy}")
        place, reference = _places(record, kind)
        if place is None:
            raise PairError(f"{path}:{number}: no text under {' or '.join(_ANSWER)}; the line has {sorted(record)}")
        settings = {name: record[name] for name in takes if name in record}
        answers = record[place]
        if not isinstance(answers, list):
            yield Pair(number, None, answers, reference, settings)
            continue
        for sample, answer in enumerate(answers or [None], 1):
            yield Pair(number, sample, answer, reference, settings)


def _places(record: dict[str, Any], kind: str) -> tuple[str | None, Any]:
    """The key of the answer (of those that are there, the first that holds one), and the reference."""
    reference = next((record[name] for name in _REFERENCE if record.get(name) is not None), None)
    code = kind == "code"
    if code:
        reference = row_reference(record, reference)
    # Beside `inputs`, `outputs` are what the tests of a program expect.
    places = [name for name in _ANSWER if name in record and not (code and name == "outputs" and "inputs" in record)]
    held = [name for name in places if record[name] is not None]
    if reference is None and len(held) > 1 and held[0] == "answer":
        return held[1], record["answer"]  # {"question", "answer", "output"}: a data set's answer and a model's
    if reference is None and len(held) > 1 and held[-1] == "answers":
        return held[0], record["answers"]
    return next(iter([*held, *places]), None), reference


def _text(answer: Any) -> str | None:
    """An answer as a text; None for what is none."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, (int, float)) and not isinstance(answer, bool) and math.isfinite(answer):
        return str(answer)
    return None


def _shown(pair: Pair, verdict: Verdict, json_output: bool) -> str:
    if json_output:
        place = {"line": pair.line} if pair.sample is None else {"line": pair.line, "sample": pair.sample}
        shown = {**place, "right": verdict.right, "reason": verdict.reason, "detail": verdict.detail}
        return json.dumps(shown, ensure_ascii=False)
    place = str(pair.line) if pair.sample is None else f"{pair.line}.{pair.sample}"
    return f"{place}\t{_MARK[verdict.right]}\t{verdict.reason}"
