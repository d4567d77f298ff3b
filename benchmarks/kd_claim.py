"""What white-box distillation is worth where answers are few: the practice world, a tiny student, 300 worked problems.

    python benchmarks/kd_claim.py [--seeds 1 2 3] [--out benchmarks/results/kd_claim.json]

The recipe jobs/recipes/practice_kd.yaml, run through the driver once for each seed and each way to use the same
problems; every way takes the same number of optimizer steps of the same number of rows:

sft          the right answers
stored       the right answers, and what the teacher expected at each of their tokens (top 32, kept in Parquet)
on_policy    half of the steps SFT, half GKD: the student's own answers in rounds, scored by the teacher
dpo          three quarters SFT, a quarter DPO: the right answers against ones with a slip in them
dpo_fast     the same at ten times DPO's learning rate

Accuracy is greedy exact match on operands that nobody trained on, with its mean over seeds and their standard
deviation. Whatever it shows. Runs that are done are not done again (``--directory``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any, get_args

import yaml

from distilray.driver import run
from distilray.practice.arithmetic import draw_problem, record
from distilray.practice.worked import Slip, draw_trace, medium
from distilray.runner import Resources, cluster, versions

RECIPE = "jobs/recipes/practice_kd.yaml"
ROUNDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--rows", type=int, default=300, help="worked problems that there are")
    parser.add_argument("--steps", type=int, default=400, help="optimizer steps, a multiple of 8")
    parser.add_argument("--batch", type=int, default=32, help="rows of a step")
    parser.add_argument("--questions", type=int, default=300, help="held-out problems")
    parser.add_argument("--directory", type=Path, help="where the runs lie, to go on after a break")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kd_claim.json"))
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {way: [] for way in arguments.ways}
    with tempfile.TemporaryDirectory() as folder, cluster(Resources()):
        directory = (arguments.directory or Path(folder)).resolve()
        for seed in arguments.seeds:  # seed by seed, so that a benchmark that is broken off compares like with like
            for way in arguments.ways:
                found[way].append(one(directory, way, seed, arguments))
                write(arguments, found)
    print(table(found))


def one(directory: Path, way: str, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Accuracy, its standard error and mean output tokens of the student after one run."""
    place = directory / f"{way}-{seed}-{arguments.rows}x{arguments.steps}x{arguments.batch}"
    done = place / "claim.json"
    if done.is_file():
        return json.loads(done.read_text())
    data = directory / f"pairs-{seed}-{arguments.rows}.jsonl"
    write_pairs(data, arguments.rows, seed)
    overrides = [
        f"seed={seed}",
        f"sources={flow([{'name': 'pairs', 'path': str(data), 'license': 'Apache-2.0'}])}",
        "steps=[]",
        f"train={flow(VARIANTS[way](arguments.steps, arguments.batch, seed))}",
        f"evaluate.practice.source.with.rows={arguments.questions}",
        "evaluate.practice.models=[student_after]",
    ]
    finished = run(RECIPE, overrides, directory=str(place))
    [after] = [result for result in finished.results if result.model == "student_after"]
    result = {
        "seed": seed,
        "accuracy": after.value,
        "stderr": after.stderr,
        "mean_output_tokens": after.mean_output_tokens,
        "seconds": round(finished.seconds, 1),
    }
    done.write_text(json.dumps(result))
    print(f"{way}, seed {seed}: {after.value:.3f}, {finished.seconds:.0f} s", flush=True)
    return result


def write_pairs(path: Path, rows: int, seed: int) -> None:
    """Worked problems of the training operands: ``chosen`` is right, ``rejected`` has a slip in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"kd-claim-{seed}")
    lines = []
    for _ in range(rows):
        problem = draw_problem(rng, "train")
        wrong = draw_trace(
            problem, "medium", rng, rng.choice([slip for slip in get_args(Slip) if slip != "unfinished"])
        )
        pair = {**record(problem), "chosen": medium(problem).text, "rejected": wrong.text}
        lines.append(json.dumps(pair, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def settings(kind: str, steps: int, batch: int, seed: int, **more: Any) -> dict[str, Any]:
    """A training as recipes write it."""
    return {
        "kind": kind, "student": "student", "max_steps": steps, "learning_rate": 3e-3, "schedule": "linear",
        "batch_size": batch, "micro_batch_size": 32, "max_length": 256, "precision": "fp32", "seed": seed,
        "save_every": 10_000, "resources": {"workers": 2, "cpus_per_worker": 0.75}, **more,
    }  # fmt: skip


def sft(steps: int, batch: int, seed: int) -> list[dict[str, Any]]:
    return [settings("sft", steps, batch, seed)]


def stored(steps: int, batch: int, seed: int) -> list[dict[str, Any]]:
    return [settings("distill", steps, batch, seed, teacher="teacher", top_k=32, kd_weight=0.9)]


def on_policy(steps: int, batch: int, seed: int) -> list[dict[str, Any]]:
    own = {"rounds": ROUNDS, "max_tokens": 96}
    gkd = {"teacher": "teacher", "divergence": "jsd", "kd_weight": 1.0, "on_policy": own, "start_from": "sft"}
    return [settings("sft", steps // 2, batch, seed), settings("distill", steps // 2, batch, seed, **gkd)]


def dpo(steps: int, batch: int, seed: int, learning_rate: float = 3e-5) -> list[dict[str, Any]]:
    preferred = {"start_from": "sft", "learning_rate": learning_rate}
    return [
        settings("sft", steps * 3 // 4, batch, seed),
        settings("dpo", steps // 4, batch, seed, **preferred),
    ]


def dpo_fast(steps: int, batch: int, seed: int) -> list[dict[str, Any]]:
    return dpo(steps, batch, seed, learning_rate=3e-4)


VARIANTS = {"sft": sft, "stored": stored, "on_policy": on_policy, "dpo": dpo, "dpo_fast": dpo_fast}


def flow(value: Any) -> str:
    """YAML on one line, as overrides take it."""
    return yaml.safe_dump(value, default_flow_style=True, width=100_000, sort_keys=False).strip()


def write(arguments: argparse.Namespace, found: dict[str, list[dict[str, float]]]) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    result = {
        "recipe": RECIPE,
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": versions(),
        "commit": commit.stdout.strip(),
        "rows": arguments.rows,
        "steps": arguments.steps,
        "batch": arguments.batch,
        "questions": arguments.questions,
        "ways": {way: summary(runs) for way, runs in found.items() if runs},
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    accuracies = [one["accuracy"] for one in runs]
    return {
        "accuracy": round(statistics.mean(accuracies), 4),
        "spread": round(statistics.stdev(accuracies), 4) if len(runs) > 1 else None,
        "runs": runs,
    }


def table(found: dict[str, list[dict[str, float]]]) -> str:
    lines = [f"{'':<12}{'accuracy':>10}{'spread':>10}{'seeds':>8}"]
    for way, runs in found.items():
        told = summary(runs)
        spread = "" if told["spread"] is None else f"{told['spread']:.3f}"
        lines.append(f"{way:<12}{told['accuracy']:>10.3f}{spread:>10}{len(runs):>8}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
