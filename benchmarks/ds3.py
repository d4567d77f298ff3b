"""What the steps on traces do in the practice world, where the truth about every trace is known.

    python -m benchmarks.ds3 [--rows 1500]

One run of rate_trace and align_trace on real engines, over three sources of held-out operands:

traces      each with its reference: rating accuracy (one greedy word; the majority of five at temperature 1; the
            likeliest word by log-probabilities), alignment per round, answers kept, tokens before and after
swapped     every problem with another problem's trace: a rater that reads the trace says nothing about the row (chance)
unverified  no reference, so that the judge alone decides what is right: the wrong traces that it accepts
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record
from benchmarks.observing_steps import OtherRatings
from distilray.prompts import RATINGS
from distilray.verifiers import numeric_equal

CHECKPOINTS = "package://distilray.practice/checkpoints"
KEPT = {"truth_rating": "string", "truth_right": "bool", "truth_result": "string"}
OTHER_RATINGS = "OtherWays"
"""The step's name, of which its sampling seeds are made."""

Rows = Sequence[dict[str, Any]]


def main() -> None:
    parser = record.command_line(__doc__, "ds3.json")
    parser.add_argument("--rows", type=int, default=1500, help="rows of each source")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--directory", type=Path, help="keep the run here; default: a temporary folder")
    options = parser.parse_args()
    record.share_imports()
    with tempfile.TemporaryDirectory() as folder:
        directory = options.directory or Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        rows, seconds = rows_of_run(directory, options.rows, options.seed)
    by_source = {name: [row for row in rows if row["source"] == name] for name in ("traces", "swapped", "unverified")}
    figures = {
        "rows": options.rows,
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "rating": rating(by_source["traces"]),
        "rating_by_majority": rating(by_source["traces"], "by_majority")["accuracy"],
        "rating_by_logprobs": rating(by_source["traces"], "by_logprobs")["accuracy"],
        "rating_of_swapped_traces": rating(by_source["swapped"]),
        "alignment": alignment(by_source["traces"]),
        "judge_alone": let_through(by_source["unverified"]),
    }
    record.write(options.out, figures)
    print(table(figures))


def rows_of_run(directory: Path, rows: int, seed: int) -> tuple[list[dict[str, Any]], float]:
    """Every row with its outcome in the last step that it entered, and how long the run took."""
    started = time.monotonic()
    run = dr.run(recipe_of(write_sources(directory, rows, seed)), directory=str(directory / "run"))
    seconds = time.monotonic() - started
    steps = (OTHER_RATINGS, "rate_trace", "align_trace")
    last = {row["id"]: row for step in steps for row in run.table(step, outcome=None).to_pylist()}
    return list(last.values()), seconds


def write_sources(directory: Path, rows: int, seed: int) -> list[dr.Source]:
    from distilray.practice import traces

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
        sources.append(dr.Source(name=name, path=str(path), keep=KEPT))
    return sources


def recipe_of(sources: list[dr.Source]) -> dr.Recipe:
    judge: dict[str, Any] = {"path": f"{CHECKPOINTS}/judge", "max_num_seqs": 128, "max_model_len": 768}
    words = dr.Sampling(max_tokens=4, temperature=1.0, logprobs=20)
    align = dr.steps.AlignTrace(
        judge="judge", rewriter="judge", checker="judge", max_rounds=3, tokenizer=f"{CHECKPOINTS}/student_warm"
    )
    return dr.Recipe(
        name="ds3",
        models={
            "judge": dr.VLLMModel(cpus=0.75, sampling=dr.Sampling(max_tokens=192), **judge),
            "voter": dr.VLLMModel(cpus=0.5, sampling=words, **judge),
        },
        sources=sources,
        steps=[(OTHER_RATINGS, OtherRatings(model="voter")), dr.steps.RateTrace(model="judge"), align],
        resources=dr.Resources(unit_rows=128),
    )


def rating(rows: Rows, column: str = "rating") -> dict[str, Any]:
    """How often the rater is right, and what it rates each kind as (rows: truth; columns: rating)."""
    rated = [row for row in rows if row[column]]
    confusion = {truth: Counter(row[column] for row in rated if row["truth_rating"] == truth) for truth in RATINGS}
    return {
        "rows": len(rows),
        "rated": len(rated),
        "accuracy": share(row[column] == row["truth_rating"] for row in rated),
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


def table(result: dict[str, Any]) -> str:
    rated, swapped, aligned = result["rating"], result["rating_of_swapped_traces"], result["alignment"]
    lines = [
        f"rating accuracy on held-out operands   {rated['accuracy']:.3f}  ({rated['rated']} of {rated['rows']} rated)",
        f"  by the majority of five at T = 1     {result['rating_by_majority']:.3f}",
        f"  by log-probabilities                 {result['rating_by_logprobs']:.3f}",
        f"  with traces swapped between rows     {swapped['accuracy']:.3f}  (chance: 0.333)",
        "  truth \\ rating " + "".join(f"{word:>8}" for word in RATINGS),
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
            f"wrong traces accepted, {name:<20}{some['wrong_traces_let_through']} of {some['wrong_traces']}; "
            f"kept and ending wrong: {some['kept_that_end_wrong']} of {some['kept']}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
