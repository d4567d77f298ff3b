"""What the steps on traces do in the practice world, where the truth about every trace is known.

    python benchmarks/ds3.py [--rows 1500] [--out benchmarks/results/ds3.json]

One run of rate_trace and align_trace on real engines, over three sources of held-out operands:

traces      each with its reference: rating accuracy (one greedy word; the majority of five at temperature 1; the
            likeliest word by log-probabilities), alignment per round, answers kept, tokens before and after
swapped     every problem with another problem's trace: a rater that reads the trace says nothing about the row (chance)
unverified  no reference, so that the judge alone decides what is right: the wrong traces that it lets through
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.dataset as ds
import yaml

from distilray.driver import run
from distilray.practice import traces
from distilray.prompts import RATE_TRACE, RATINGS
from distilray.rows import Outcome, Row, kept
from distilray.runner import versions
from distilray.steps import ModelName, Models, Step
from distilray.steps.rate_trace import RateTrace
from distilray.verifiers import numeric_equal

CHECKPOINTS = "package://distilray.practice/checkpoints"
KEPT = {"truth_rating": "string", "truth_right": "bool", "truth_result": "string"}

Rows = Sequence[dict[str, Any]]


class OtherWays(Step):
    """Rates the rows of the first source by majority and by log-probabilities, as rate_trace would."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {"by_majority": "string", "by_logprobs": "string"}
    prompts: ClassVar = (RATE_TRACE,)

    model: ModelName

    async def process(self, row: Row, models: Models) -> Outcome:
        if row["source"] != "traces":
            return kept()
        majority = await RateTrace(model=self.model, votes=5).process(row, models)
        likeliest = await RateTrace(model=self.model, by="logprobs").process(row, models)
        return kept(by_majority=majority.columns["rating"], by_logprobs=likeliest.columns["rating"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1500, help="rows of each source")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--directory", type=Path, help="where the run lies; default: a temporary folder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ds3.json"))
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.getcwd()  # runners import OtherWays from here
    with tempfile.TemporaryDirectory() as folder:
        directory = arguments.directory or Path(folder)
        rows, seconds = practise(directory, arguments.rows, arguments.seed)
    by_source = {name: [row for row in rows if row["source"] == name] for name in ("traces", "swapped", "unverified")}
    result = {
        "machine": machine(),
        "rows": arguments.rows,
        "seed": arguments.seed,
        "seconds": round(seconds, 1),
        "rating": rating(by_source["traces"]),
        "rating_by_majority": rating(by_source["traces"], "by_majority")["accuracy"],
        "rating_by_logprobs": rating(by_source["traces"], "by_logprobs")["accuracy"],
        "rating_of_swapped_traces": rating(by_source["swapped"]),
        "alignment": alignment(by_source["traces"]),
        "judge_alone": let_through(by_source["unverified"]),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(table(result))


def practise(directory: Path, rows: int, seed: int) -> tuple[list[dict[str, Any]], float]:
    """Every row of the run with its outcome, and how long the run took."""
    records = [record | {"truth_result": record["reference"]} for record in traces(rows, seed, split="held_out")]
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    parts = ("reasoning", "answer")
    swapped = [record | {part: records[k][part] for part in parts} for record, k in zip(records, order, strict=True)]
    unverified = [{key: value for key, value in record.items() if key != "reference"} for record in records]
    sources = []
    for name, some in (("traces", records), ("swapped", swapped), ("unverified", unverified)):
        path = directory / f"{name}.jsonl"
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in some), "utf-8")
        sources.append({"name": name, "path": str(path), "keep": KEPT})
    recipe = {
        "name": "ds3",
        "models": {
            "judge": {
                "path": f"{CHECKPOINTS}/judge",
                "cpus": 0.75,
                "max_num_seqs": 128,
                "max_model_len": 768,
                "sampling": {"max_tokens": 192},
            },
            "voter": {
                "path": f"{CHECKPOINTS}/judge",
                "cpus": 0.5,
                "max_num_seqs": 128,
                "max_model_len": 768,
                "sampling": {"max_tokens": 4, "temperature": 1.0, "logprobs": 20},
            },
        },
        "sources": sources,
        "steps": [
            {"uses": "benchmarks.ds3:OtherWays", "with": {"model": "voter"}},
            {"rate_trace": {"model": "judge"}},
            {
                "align_trace": {
                    "judge": "judge",
                    "rewriter": "judge",
                    "checker": "judge",
                    "max_rounds": 3,
                    "tokenizer": f"{CHECKPOINTS}/student_warm",
                }
            },
        ],
        "resources": {"unit_rows": 128},
    }
    place = directory / "ds3.yaml"
    place.write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    finished = run(str(place), directory=str(directory / "run"))
    [phase] = (directory / "run" / "steps").glob("01-*")
    files = sorted(str(path) for path in phase.glob("unit-*.parquet"))
    return ds.dataset(files, format="parquet").to_table().to_pylist(), finished.seconds


def rating(rows: Rows, column: str = "rating") -> dict[str, Any]:
    """How often the rater is right, and what it says of each kind (rows: truth; columns: said)."""
    said = [row for row in rows if row[column]]
    confusion = {truth: Counter(row[column] for row in said if row["truth_rating"] == truth) for truth in RATINGS}
    return {
        "rows": len(rows),
        "rated": len(said),
        "accuracy": share(row[column] == row["truth_rating"] for row in said),
        "confusion": {truth: {word: counts[word] for word in RATINGS} for truth, counts in confusion.items()},
    }


def alignment(rows: Rows) -> dict[str, Any]:
    """What the loop did to traces that were right when they came, and to those that were not."""
    right = [row for row in rows if row["truth_right"]]
    kept = [row for row in right if row["outcome"] == "kept"]
    rewrites = [rewrite for row in right for rewrite in row["rewrites"] or ()]
    most = max((row["rounds"] for row in kept), default=0)
    return {
        "right_traces": len(right),
        "aligned_after_round": {
            str(k): round(sum(row["rounds"] <= k for row in kept) / len(right), 4) for k in range(most + 1)
        },
        "not_aligned": dict(Counter(f"{row['outcome']}: {row['reason']}" for row in right if row not in kept)),
        "rewrites": len(rewrites),
        "rewrites_that_keep_the_answer": share(": wrong answer" not in rewrite for rewrite in rewrites),
        "tokens": {
            origin: {
                "rows": len(some),
                "before": mean(row["trace_tokens_before"] for row in some),
                "after": mean(row["trace_tokens_after"] for row in some),
            }
            for origin in RATINGS
            if (some := [row for row in kept if row["truth_rating"] == origin])
        },
        **let_through(rows),
    }


def let_through(rows: Rows) -> dict[str, Any]:
    """Wrong traces among what was kept: wrong when they came, and wrong as they left."""
    wrong = [row for row in rows if not row["truth_right"]]
    kept = [row for row in rows if row["outcome"] == "kept"]
    return {
        "wrong_traces": len(wrong),
        "wrong_traces_let_through": sum(row["outcome"] == "kept" for row in wrong),
        "kept": len(kept),
        "kept_that_end_wrong": sum(not numeric_equal(row["reasoning"], row["truth_result"]).right for row in kept),
        "right_traces_refused_as_wrong": sum(row["truth_right"] and row["reason"] == "wrong answer" for row in rows),
    }


def share(flags: Any) -> float | None:
    found = list(flags)
    return round(sum(found) / len(found), 4) if found else None


def mean(values: Any) -> float | None:
    found = list(values)
    return round(sum(found) / len(found), 1) if found else None


def machine() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "versions": versions(),
        "commit": commit.stdout.strip(),
    }


def table(result: dict[str, Any]) -> str:
    rated, swapped, aligned = result["rating"], result["rating_of_swapped_traces"], result["alignment"]
    lines = [
        f"rating accuracy on held-out operands   {rated['accuracy']:.3f}  ({rated['rated']} of {rated['rows']} rated)",
        f"  by the majority of five at T = 1     {result['rating_by_majority']:.3f}",
        f"  by log-probabilities                 {result['rating_by_logprobs']:.3f}",
        f"  with traces swapped between rows     {swapped['accuracy']:.3f}  (chance: 0.333)",
        "  truth \\ said   " + "".join(f"{word:>8}" for word in RATINGS),
    ]
    lines += [
        f"  {truth:<14} " + "".join(f"{count:>8}" for count in counts.values())
        for truth, counts in rated["confusion"].items()
    ]
    lines += [
        f"aligned after round {k}                  {value:.3f}" for k, value in aligned["aligned_after_round"].items()
    ]
    lines += [f"  not aligned, {reason}: {count}" for reason, count in aligned["not_aligned"].items()]
    lines.append(f"rewrites that keep the answer          {aligned['rewrites_that_keep_the_answer']}")
    lines += [
        f"tokens of {origin:<6} traces, before -> after  {found['before']} -> {found['after']}  ({found['rows']} rows)"
        for origin, found in aligned["tokens"].items()
    ]
    for name, some in (("with a reference", aligned), ("judge alone", result["judge_alone"])):
        lines.append(
            f"wrong traces let through, {name:<17}{some['wrong_traces_let_through']} of {some['wrong_traces']}; "
            f"kept and ending wrong: {some['kept_that_end_wrong']} of {some['kept']}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
