"""The claim of DistilQwen2.5-DS3: does a small student learn more from traces that were brought to its level?

    python benchmarks/ds3_claim.py [--seeds 1 2 3] [--out benchmarks/results/ds3_claim.json]

The recipe jobs/recipes/practice_ds3.yaml, run through the driver, once for each seed and each way to prepare the same
traces; all trainings see the same number of rows and take the same optimizer steps:

raw          every trace as it came, too terse, too wordy and wrong ones among them
right        the raw ones whose answer is right: what checking alone is worth
shortened    condensed, whatever they were, and still right
aligned      medium, at once or after the loop, and still right

Accuracy is greedy exact match on operands that nobody trained on, beside the mean output tokens. Whatever it shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from distilray.driver import run
from distilray.runner import versions

RECIPE = "jobs/recipes/practice_ds3.yaml"
ALIGN = {"judge": "judge", "rewriter": "judge", "max_rounds": 3}
WAYS: dict[str, list[Any]] = {
    "raw": ["inline_trace"],
    "right": ["inline_trace", {"check": {"reference": "numeric"}}],
    "shortened": [{"shorten_trace": {"model": "judge"}}, "inline_trace"],
    "aligned": [{"align_trace": ALIGN}, "inline_trace"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--rows", type=int, default=6000, help="traces that come in")
    parser.add_argument("--train-rows", type=int, default=4000, help="rows that every student is trained on")
    parser.add_argument("--steps", type=int, default=800, help="optimizer steps")
    parser.add_argument("--directory", type=Path, help="where the runs lie, to go on after a break")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ds3_claim.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = arguments.directory or Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        found = {way: [one(directory, way, seed, arguments) for seed in arguments.seeds] for way in arguments.ways}
    result = {
        "machine": machine(),
        "recipe": RECIPE,
        "seeds": arguments.seeds,
        "rows": arguments.rows,
        "train_rows": arguments.train_rows,
        "steps": arguments.steps,
        "ways": {way: summary(runs) for way, runs in found.items()},
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(table(result))


def one(directory: Path, way: str, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Accuracy, its standard error and mean output tokens of the student after one run."""
    equal = {"select": {"top": arguments.train_rows}}  # as many rows for everyone, chosen without looking at them
    overrides = [
        f"seed={seed}",
        f"sources.traces.with.seed={seed}",
        f"sources.traces.with.rows={arguments.rows}",
        f"steps={yaml.safe_dump([*WAYS[way], equal], default_flow_style=True, width=10_000).strip()}",
        f"train.sft.seed={seed}",
        f"train.sft.max_steps={arguments.steps}",
    ]
    finished = run(RECIPE, overrides, directory=str(directory / f"{way}-{seed}"))
    [after] = [result for result in finished.results if result.model == "student_after"]
    print(f"{way}, seed {seed}: {after.value:.3f} with {after.mean_output_tokens:.1f} tokens", flush=True)
    return {"accuracy": after.value, "stderr": after.stderr, "mean_output_tokens": after.mean_output_tokens}


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    accuracies = [one["accuracy"] for one in runs]
    tokens = [one["mean_output_tokens"] for one in runs]
    return {
        "runs": runs,
        "accuracy": round(statistics.mean(accuracies), 4),
        "spread": round(statistics.stdev(accuracies), 4) if len(runs) > 1 else None,
        "mean_output_tokens": round(statistics.mean(tokens), 1),
    }


def machine() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions(),
        "commit": commit.stdout.strip(),
    }


def table(result: dict[str, Any]) -> str:
    lines = [f"{'':<12}{'accuracy':>10}{'spread':>10}{'tokens':>10}   of {len(result['seeds'])} seeds"]
    for way, found in result["ways"].items():
        spread = "" if found["spread"] is None else f"{found['spread']:.3f}"
        lines.append(f"{way:<12}{found['accuracy']:>10.3f}{spread:>10}{found['mean_output_tokens']:>10.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
