"""`distilray verify FILE --kind ...`: score the (answer, reference) pairs of a file, streaming, on all cores.

A line of FILE is a JSON object with `answer` (or `completion`, `response`) and `reference` (or `golden`, `target`,
`tests`). Its other keys are passed to the verifier if they name one of its settings (`options`, `timeout_s`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, TextIO

from distilray.errors import InputError
from distilray.verifiers import Verdict, VerifierPool, row_reference, shorten, verifier_of

_ANSWER = ("answer", "completion", "response", "prediction")
_REFERENCE = ("reference", "golden", "target", "label", "tests")
_AHEAD = 256  # pairs in flight per worker: memory stays flat however long the file
_MARK = {True: "right", False: "wrong", None: "undecided"}


class PairError(InputError):
    """A line of the file that is not a pair; the message names file, line and what is expected."""


def verify_file(path: str, kind: str, json_output: bool, workers: int | None = None, out: TextIO | None = None) -> int:
    """Print a verdict per line of `path` and a summary, as text or as JSON lines. 0 when all were decided and right,
    1 when any was wrong or undecided, 2 when the file cannot be read (with the reason on stderr)."""
    stream = out or sys.stdout
    try:
        counts = asyncio.run(_verify(path, kind, json_output, workers or os.cpu_count() or 1, stream))
    except (OSError, PairError) as error:
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
        async for line, verdict in _in_order(pool, kind, path, workers * _AHEAD):
            counts[_MARK[verdict.right]] += 1
            print(_shown(line, verdict, json_output), file=out)
    finally:
        await pool.close()
    return counts


async def _in_order(pool: VerifierPool, kind: str, path: str, ahead: int) -> AsyncIterator[tuple[int, Verdict]]:
    """Verdicts in the order of the file, with at most `ahead` checks in flight."""
    waiting: list[tuple[int, asyncio.Task[Verdict]]] = []
    try:
        for line, answer, reference, settings in read_pairs(path, kind):
            waiting.append((line, asyncio.create_task(pool.verify(kind, answer, reference, **settings))))
            if len(waiting) >= ahead:
                first, task = waiting.pop(0)
                yield first, await task
        while waiting:
            first, task = waiting.pop(0)
            yield first, await task
    finally:
        for _, task in waiting:
            task.cancel()


def read_pairs(path: str, kind: str) -> Iterator[tuple[int, str, Any, dict[str, Any]]]:
    """Line number, answer, reference and settings of each line. Raises PairError at the first without an answer."""
    takes = verifier_of(kind).settings
    with open(path, encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                pair = json.loads(line)
            except ValueError as error:
                raise PairError(f"{path}:{number}: not JSON ({error}); expected one object per line") from error
            if not isinstance(pair, dict):
                raise PairError(f"{path}:{number}: {shorten(line)} is not an object with answer and reference")
            answer = _first(pair, _ANSWER)
            reference = _first(pair, _REFERENCE)
            if kind == "code":
                reference = row_reference(pair, reference)
            if not isinstance(answer, str):
                raise PairError(f"{path}:{number}: no text under {' or '.join(_ANSWER)}; the line has {sorted(pair)}")
            yield number, answer, reference, {name: pair[name] for name in takes if name in pair}


def _first(pair: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((pair[name] for name in names if pair.get(name) is not None), None)


def _shown(line: int, verdict: Verdict, json_output: bool) -> str:
    if json_output:
        shown = {"line": line, "right": verdict.right, "reason": verdict.reason, "detail": verdict.detail}
        return json.dumps(shown, ensure_ascii=False)
    return f"{line}\t{_MARK[verdict.right]}\t{verdict.reason}"
