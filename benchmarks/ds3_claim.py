"""The claim of DistilQwen2.5-DS3: does a small student learn more from traces that were brought to its level?

    python benchmarks/ds3_claim.py [--seeds 1 2 3] [--out benchmarks/results/ds3_claim.json]

The recipe jobs/recipes/practice_ds3.yaml, run through the driver, once for each seed and each way to prepare the same
traces; all students see the same number of rows and take the same number of optimizer steps:

raw             every trace as it came, too terse, too wordy and wrong ones among them
shortened       condensed, whatever they were, and still right
aligned         medium, at once or after the loop, and still right
aligned+cogpo   the same rows, and the last part of the steps DPO on the pairs made of them, with a beta per pair
right           the raw ones whose answer is right: what checking alone is worth

Accuracy is greedy exact match on operands that nobody trained on, beside the mean output tokens. Whatever it shows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.ds3 import machine
from distilray.driver import run
from distilray.recipe import load_recipe
from distilray.runner import cluster
from distilray.storage import Store

RECIPE = Path("jobs/recipes/practice_ds3.yaml")
ALIGN = {"align_trace": {"judge": "judge", "rewriter": "judge", "max_rounds": 3}}
SHORTEN = {"shorten_trace": {"model": "judge"}}
CHECK = {"check": {"reference": "numeric"}}
PAIRS = {"cognitive_pairs": {"model": "student", "samples": 2}}
VARIANTS: dict[str, list[Any]] = {
    "raw": ["EQUAL", "inline_trace"],
    "shortened": [SHORTEN, "EQUAL", "inline_trace"],
    "aligned": [ALIGN, "EQUAL", PAIRS, "inline_trace"],  # its training takes no pairs; the next one finds them made
    "aligned+cogpo": [ALIGN, "EQUAL", PAIRS, "inline_trace"],
    "right": [CHECK, "EQUAL", "inline_trace"],
}
"""Steps; EQUAL takes as many rows for everyone, chosen without looking at them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--rows", type=int, default=2500, help="traces that come in")
    parser.add_argument("--train-rows", type=int, default=2000, help="rows that every student is trained on")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps of every student")
    parser.add_argument("--cogpo-steps", type=int, default=60, help="how many of them are CogPO's, where it is used")
    parser.add_argument("--directory", type=Path, help="where the runs lie, to go on after a break")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ds3_claim.json"))
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "machine": machine(),
        "recipe": str(RECIPE),
        "rows": arguments.rows,
        "train_rows": arguments.train_rows,
        "steps": arguments.steps,
        "cogpo_steps": arguments.cogpo_steps,
    }
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in arguments.ways}
    with tempfile.TemporaryDirectory() as folder, cluster(load_recipe(str(RECIPE)).resources):
        directory = arguments.directory or Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        for seed in arguments.seeds:
            for way in arguments.ways:
                found[way].append(one(directory, way, seed, arguments))
                # after every run: what a break leaves is whole
                result["ways"] = {way: summary(runs) for way, runs in found.items() if runs}
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                arguments.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(table(result))


def one(directory: Path, way: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Accuracy, its standard error and mean output tokens of the student after one run."""
    recipe = recipe_of(way, seed, arguments)
    place = directory / f"{way}-{seed}.yaml"
    place.write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    folder = directory / f"{way.removesuffix('+cogpo')}-{seed}"  # aligned rows are made once
    finished = run(str(place), directory=str(folder))
    [after] = [result for result in finished.results if result.model == "student_after"]
    names = [training["name"] for training in recipe["train"]]
    tokens = {name: Store(str(folder)).read_json(f"training/{name}/tokens/manifest.json") for name in names}
    rows = {name: counted["counts"]["kept"] for name, counted in tokens.items()}
    found = {
        "seed": seed,
        "accuracy": after.value,
        "stderr": after.stderr,
        "mean_output_tokens": after.mean_output_tokens,
        "rows": rows,
        "seconds": round(finished.seconds, 1),
    }
    print(f"{way}, seed {seed}: {json.dumps(found)}", flush=True)
    return found


def recipe_of(way: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    recipe = yaml.safe_load(RECIPE.read_text("utf-8"))
    [source], [benchmark] = recipe["sources"], recipe["evaluate"]
    sft, cogpo = recipe["train"]
    recipe["seed"] = seed
    source["with"] |= {"seed": seed, "rows": arguments.rows}
    equal = {"select": {"top": arguments.train_rows}}
    recipe["steps"] = [equal if step == "EQUAL" else step for step in VARIANTS[way]]
    # one worker on one core: at this size several only wait for each other
    alike = {"seed": seed, "batch_size": 48, "micro_batch_size": 48, "sharding": "ddp"}
    alike["resources"] = {"workers": 1, "cpus_per_worker": 1}
    sft |= alike | {"name": "sft", "max_steps": arguments.steps, "save_every": 100}
    recipe["train"] = [sft]
    if way == "aligned+cogpo":
        before = arguments.steps - arguments.cogpo_steps
        sft |= {"name": "before-cogpo", "max_steps": before, "save_every": 100}
        cogpo |= alike | {"start_from": "before-cogpo", "max_steps": arguments.cogpo_steps}
        recipe["train"] = [sft, cogpo]
    benchmark["models"] = ["student_after"]
    benchmark["source"]["with"]["rows"] = 500
    return recipe


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    accuracies = [one["accuracy"] for one in runs]
    tokens = [one["mean_output_tokens"] for one in runs]
    return {
        "runs": runs,
        "accuracy": round(statistics.mean(accuracies), 4),
        "spread": round(statistics.stdev(accuracies), 4) if len(runs) > 1 else None,
        "mean_output_tokens": round(statistics.mean(tokens), 1),
    }


def table(result: dict[str, Any]) -> str:
    lines = [f"{'':<15}{'accuracy':>10}{'spread':>10}{'tokens':>10}{'seeds':>8}"]
    for way, found in result["ways"].items():
        spread = "" if found["spread"] is None else f"{found['spread']:.3f}"
        lines.append(
            f"{way:<15}{found['accuracy']:>10.3f}{spread:>10}{found['mean_output_tokens']:>10.1f}{len(found['runs']):>8}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
