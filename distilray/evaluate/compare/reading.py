"""Where the answers of evaluations lie: a run directory, a folder, a file of results or of samples; local or a URI.

runs/first                                              every evaluation of a run
runs/first/evaluations/student_after                    one model's; or .../student_after/gsm8k, one benchmark of it
out/gemma-2b-it/results_2026-11-27T16-40-00.json        results, with the samples beside them where there are some
samples_gsm8k_2026-11-27T16-40-00.jsonl                 samples, ours or of lm-evaluation-harness
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from distilray.evaluate.compare.answers import Answers, CompareError, answers_of
from distilray.evaluate.results import DIRECTORY
from distilray.evaluate.results_files import RESULTS_FOLDER
from distilray.evaluate.statistics import Estimate
from distilray.storage import Store, resolve

STAMP = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
SAMPLES = re.compile(rf"^samples_(?P<task>.+?)(?:_(?P<stamp>{STAMP}))?\.(?:jsonl|parquet)$")
RESULTS = re.compile(rf"^results(?:_(?P<stamp>{STAMP}))?\.json$")
REMEDY = "give a run directory, a folder of it, or a file results_*.json or samples_*.parquet (.jsonl)"


def read_answers(address: str) -> list[Answers]:
    """All answers at ``address``, by model and benchmark; of an evaluation that was written several times, the last.

    Raises :class:`CompareError` where there are none, or where a file is none of these.
    """
    try:
        filesystem, path = resolve(address)
        info = filesystem.get_file_info(path)
        if info.type == pafs.FileType.NotFound:
            raise CompareError(f"{address}: does not exist\n  {REMEDY}")
        files = [path] if info.is_file else _below(filesystem, path)
        found = [answers for file in files for answers in _read(filesystem, file)]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise CompareError(f"{address}: cannot be read ({error})\n  {REMEDY}") from error
    if not found:
        raise CompareError(f"{address}: holds no results of an evaluation\n  {REMEDY}")
    return found


def _below(filesystem: pafs.FileSystem, folder: str) -> list[str]:
    """The files of samples below ``folder``, the last of each folder and task; results where there are no samples."""
    run = filesystem.get_file_info(posixpath.join(folder, "run.json")).is_file
    root = posixpath.join(folder, DIRECTORY) if run else folder  # not all the rows of a run
    infos = filesystem.get_file_info(pafs.FileSelector(root, allow_not_found=True, recursive=True))
    files = sorted(info.path for info in infos if info.is_file)
    last: dict[tuple[str, str], str] = {}
    for file in files:  # names sort by their time
        place, name = posixpath.split(file)
        if match := SAMPLES.match(name):
            last[place, match["task"]] = file
    sampled = {place for place, _ in last}
    for file in files:
        place, name = posixpath.split(file)
        if place not in sampled and RESULTS.match(name):
            last[place, ""] = file
    return sorted(last.values())


def _read(filesystem: pafs.FileSystem, file: str) -> list[Answers]:
    place, name = posixpath.split(file)
    if match := RESULTS.match(name):
        beside = _beside(filesystem, place, match["stamp"])
        return [one for path in beside for one in _read(filesystem, path)] or _aggregated(filesystem, file)
    match = SAMPLES.match(name)
    task = match["task"] if match else posixpath.splitext(name)[0]
    folder = posixpath.basename(place)
    if folder == RESULTS_FOLDER:
        folder = posixpath.basename(posixpath.dirname(posixpath.dirname(place)))
    return answers_of(_records(filesystem, file), file, task, folder)


def _beside(filesystem: pafs.FileSystem, folder: str, stamp: str | None) -> list[str]:
    """The samples that were written together with results of ``stamp``."""
    infos = filesystem.get_file_info(pafs.FileSelector(folder))
    named = [(info.path, SAMPLES.match(posixpath.basename(info.path))) for info in infos if info.is_file]
    return sorted(path for path, match in named if match and match["stamp"] == stamp)


def _records(filesystem: pafs.FileSystem, file: str) -> Iterator[dict[str, Any]]:
    if file.endswith(".parquet"):
        with filesystem.open_input_file(file) as stream:
            yield from pq.read_table(stream).to_pylist()
        return
    for number, line in enumerate(_text(filesystem, file).splitlines(), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except ValueError as error:
                raise CompareError(f"{file}:{number}: not JSON ({error})\n  {REMEDY}") from error
            if not isinstance(record, dict):
                raise CompareError(f"{file}:{number}: not an object but {record!r:.40}\n  {REMEDY}")
            yield record


def _aggregated(filesystem: pafs.FileSystem, file: str) -> list[Answers]:
    """The metrics of results whose samples were not kept."""
    record = json.loads(_text(filesystem, file))
    if not isinstance(record, dict) or not isinstance(record.get("results"), dict):
        raise CompareError(f"{file}: has no `results`\n  {REMEDY}")
    own = record.get("distilray") or {}
    model = str(own.get("model") or record.get("model_name") or posixpath.basename(posixpath.dirname(file)))
    found = []
    highest = float(own.get("highest") or 1.0)
    for task, values in record["results"].items():
        counts = record.get("n-samples", {}).get(task, {})
        metrics = {}
        for name, value in values.items():
            metric, _, filtered = name.partition(",")
            error = values.get(f"{metric}_stderr,{filtered}")
            if isinstance(value, int | float) and not metric.endswith("_stderr") and isinstance(error, int | float):
                metrics.setdefault(metric, Estimate(float(value), float(error), int(counts.get("effective") or 0)))
        if metrics:
            main = next(iter(metrics))
            found.append(
                Answers(benchmark=task, model=model, metric=main, place=file, highest=highest, metrics=metrics)
            )
    return found


def _text(filesystem: pafs.FileSystem, file: str) -> str:
    with filesystem.open_input_stream(file) as stream:
        return stream.read().decode("utf-8")


def run_answers(store: Store, model: str) -> list[Answers]:
    """The answers of ``model`` to the benchmarks of a run; none where they were not kept."""
    folder = store.full(f"{DIRECTORY}/{model}")
    return [answers for file in _below(store.filesystem, folder) for answers in _read(store.filesystem, file)]
