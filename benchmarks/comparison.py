"""Variants of a training compared over seeds, by the accuracy of the student and its mean output tokens.

Each variant is a recipe that runs in a directory of its own, once for every seed. Results are written after every run,
and runs that are done are not done again where ``--directory`` keeps them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record

Prepare = Callable[[Path, str, int], tuple[dr.Recipe, Path]]
"""Of a directory, a variant and a seed: the recipe, and the directory of its run."""


def add_options(parser: argparse.ArgumentParser, variants: Iterable[str]) -> None:
    names = list(variants)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", choices=names, default=names)
    parser.add_argument("--directory", type=Path, help="keep the runs here and continue them after an interruption")


def compare(options: argparse.Namespace, settings: dict[str, Any], prepare: Prepare) -> None:
    """Runs every variant with every seed, writes the results to ``options.out`` and prints them as a table."""
    from distilray.runner import cluster  # ray

    found: dict[str, list[dict[str, Any]]] = {variant: [] for variant in options.variants}
    sizes = "x".join(str(value) for value in settings.values() if isinstance(value, int))
    with tempfile.TemporaryDirectory() as folder, cluster(dr.Resources()):
        directory = (options.directory or Path(folder)).resolve() / sizes
        directory.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:  # seed by seed, so that an interrupted benchmark still compares like with like
            for variant in options.variants:
                found[variant].append(measure(directory, variant, seed, prepare))
                summaries = {name: summary(runs) for name, runs in found.items() if runs}
                record.write(options.out, {**settings, "variants": summaries})
    print(table(summaries))


def measure(directory: Path, variant: str, seed: int, prepare: Prepare) -> dict[str, Any]:
    """The student of one run: accuracy, its standard error, mean output tokens, and the rows of each training."""
    from distilray.train import read_tokens

    done = directory / f"{variant}-{seed}.json"
    if done.is_file():
        return json.loads(done.read_text("utf-8"))
    started = time.monotonic()
    recipe, place = prepare(directory, variant, seed)
    run = dr.run(recipe, directory=str(place))
    [after] = [result for result in run.evaluations if result.model == "student_after"]
    found = {
        "seed": seed,
        "accuracy": after.value,
        "stderr": after.stderr,
        "mean_output_tokens": after.mean_output_tokens,
        "rows": {entry.name: read_tokens(run.store, f"{entry.directory}/tokens").counts.kept for entry in recipe.train},
        "seconds": round(time.monotonic() - started, 1),
    }
    done.write_text(json.dumps(found), "utf-8")
    print(f"{variant}, seed {seed}: {json.dumps(found)}", flush=True)
    return found


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    accuracies = [run["accuracy"] for run in runs]
    return {
        "accuracy": round(statistics.mean(accuracies), 4),
        "spread": round(statistics.stdev(accuracies), 4) if len(runs) > 1 else None,
        "mean_output_tokens": round(statistics.mean(run["mean_output_tokens"] for run in runs), 1),
        "runs": runs,
    }


def table(summaries: dict[str, dict[str, Any]]) -> str:
    lines = [f"{'':<15}{'accuracy':>10}{'spread':>10}{'tokens':>10}{'seeds':>8}"]
    for variant, found in summaries.items():
        spread = "" if found["spread"] is None else f"{found['spread']:.3f}"
        figures = f"{found['accuracy']:>10.3f}{spread:>10}{found['mean_output_tokens']:>10.1f}{len(found['runs']):>8}"
        lines.append(f"{variant:<15}{figures}")
    return "\n".join(lines)
