"""A finished run such as a recipe leaves: sources, answer + judge + check, select, a training, three results.

Numbers follow a rule, so that tests can name them; nothing here was made by a model.
"""

import json
import math
import random

import pyarrow as pa

from distilray.ledger import Manifest, StepCounts, UnitCounts, write_unit
from distilray.rows import schema_with

SOURCES, PHASE, SELECT = "steps/00-sources", "steps/01-answer+judge+check", "steps/02-select"
WRITTEN = {
    "answers": "list<string>", "answer_tokens": "int", "accuracy": "int", "relevance": "int", "score": "float",
    "judge_check": "string", "right": "bool", "rank": "int",
}  # fmt: skip
ROWS = schema_with(WRITTEN)
DECISION = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string()), ("rank", pa.int64())])
NAMES = {"en": ("Mia", "Omar", "Lena", "Ravi"), "zh": ("小明", "小红", "丽丽", "阿强")}
CLOSING = {"en": "So the answer is {}.", "zh": "所以答案是{}。"}
RECIPE = """\
name: practice
description: Addition and subtraction within a thousand, in English and Chinese.
seed: 7
models:
  teacher:
    kind: vllm
    path: package://distilray.practice/checkpoints/teacher
  judge:
    kind: vllm
    path: package://distilray.practice/checkpoints/judge
sources:
- name: practice
  uses: distilray.practice:problems
steps:
- answer:
    model: teacher
- judge:
    model: judge
- check:
    reference: numeric
- select:
    by: score
    at_least: 7.0
"""


def write_practice_run(store, units=3, unit_rows=128):
    """Writes it and returns the rows of the phase."""
    everything, units_of = [], {}
    stages = {
        SOURCES: Manifest(name="00-sources", kind="sources", fingerprint="5a1f0c94e2d87b36"),
        PHASE: Manifest(name="01-answer+judge+check", kind="phase", fingerprint="832a8470a2a3e364"),
        SELECT: Manifest(name="02-select", kind="global", fingerprint="897ed308c88e7c4c"),
    }
    for number in range(units):
        rows = [problem(number * unit_rows + k + 1) for k in range(unit_rows)]
        name = f"unit-00-0000-{number:06d}"
        counts = UnitCounts([StepCounts("sources", rows_in=unit_rows, kept=unit_rows)])
        write_unit(store, f"{SOURCES}/{name}.parquet", rows, ROWS, counts)
        stages[SOURCES].add(counts)
        counts = go_through_phase(rows, number)
        write_unit(store, f"{PHASE}/{name}.parquet", rows, ROWS, counts)
        stages[PHASE].add(counts)
        units_of[name] = [row for row in rows if row["outcome"] == "kept"]
        everything += rows
    best_first = sorted((row for rows in units_of.values() for row in rows), key=lambda row: -row["score"])
    ranks = {row["id"]: rank for rank, row in enumerate(best_first, 1)}
    for name, rows in units_of.items():
        decisions, counts = select(rows, ranks)
        write_unit(store, f"{SELECT}/decisions/{name}.parquet", decisions, DECISION, counts)
        stages[SELECT].add(counts)
    outputs = [[name, f"{PHASE}/{name}.parquet", [f"{SELECT}/decisions/{name}.parquet"]] for name in units_of]
    store.write_json("outputs.json", outputs)
    for (folder, manifest), seconds in zip(stages.items(), (1.4, 96.0, 2.1), strict=True):
        manifest.seconds, manifest.started, manifest.finished = (
            seconds,
            "2026-11-22T07:32:10+00:00",
            "2026-11-22T07:34:10+00:00",
        )
        manifest.write(store, folder)
    write_training(store)
    write_results(store)
    store.write("recipe.yaml", RECIPE.encode())
    store.write_json(
        "run.json",
        {
            "id": "e28058130c3b", "name": "practice", "origin": "jobs/recipes/quickstart.yaml", "state": "finished",
            "sessions": 1, "started": "2026-11-22T07:32:10+00:00", "finished": "2026-11-22T07:39:41+00:00",
            "versions": {"python": "3.11.7", "distilray": "0.1.0", "ray": "2.60.0", "torch": "2.13.0"},
        },
    )  # fmt: skip
    return everything


def problem(position):
    rng = random.Random(position)
    language = "zh" if rng.random() < 0.4 else "en"
    a, b, name = rng.randint(10, 900), rng.randint(2, 99), rng.choice(NAMES[language])
    texts = {
        "en": f"{name} has {a} marbles and gets {b} more. How many marbles does {name} have now?",
        "zh": f"{name}有{a}颗弹珠，又得到{b}颗。{name}现在有多少颗弹珠？",
    }
    return {
        "id": f"practice/problems:{position}", "source": "practice", "language": language, "task": "math",
        "messages": [{"role": "user", "content": texts[language]}], "reference": str(a + b), "outcome": None,
        "extra": json.dumps({"a": a, "b": b}),
    }  # fmt: skip


def go_through_phase(rows, number):
    """Sets what the phase's steps write, in place, and returns the unit's counts."""
    steps = {name: StepCounts(name) for name in ("answer", "judge", "check")}
    usage = {
        name: {"requests": 0, "replies": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0.0}
        for name in ("teacher", "judge")
    }
    for row in rows:
        rng = random.Random(row["id"])
        row["history"] = []
        true = rng.random() < 0.86
        total = int(row["reference"]) + (0 if true else rng.choice((-10, 1, 10)))
        a, b = json.loads(row["extra"]).values()
        ones, tens = a % 10 + b % 10, a + b - a % 10 - b % 10
        digits = f"{a} + {b}: {a % 10} + {b % 10} = {ones}, {a - a % 10} + {b - b % 10} = {tens}."
        row["answer"] = f"{digits}\n{CLOSING[row['language']]}".format(total)
        row["answers"], row["answer_tokens"] = [row["answer"]], int(rng.gauss(48, 7)) + len(digits) // 8
        truncated = "answer truncated by length" if row["answer_tokens"] > 64 else None
        if not _passes(row, steps, "answer", 0.7, row["answer_tokens"], truncated):
            row["outcome"], row["stopped_at"] = "rejected", "answer"
        elif rng.random() < 0.012:
            _passes(row, steps, "judge", 0.9, 0, "reply does not parse", "failed")
            row["outcome"], row["stopped_at"] = "failed", "judge"
        else:
            row["accuracy"] = min(9, max(0, round(rng.gauss(8 if true else 3.2, 1.4))))
            row["relevance"] = rng.choice((7, 8, 8, 9, 9))
            row["score"] = (row["accuracy"] + row["relevance"]) / 2
            row["judge_check"] = f"{digits} The answer says {total}; the sum is {row['reference']}."
            _passes(row, steps, "judge", 0.5, 61, None)
            row["right"] = true
            passed = _passes(row, steps, "check", 0.0, 0, None if true else "wrong answer")
            row["outcome"], row["stopped_at"] = ("kept", None) if passed else ("rejected", "check")
        row["reason"] = row["history"][-1]["reason"]
        for model, k in (("teacher", 0), ("judge", 1)):
            if len(row["history"]) > k:
                usage[model]["requests"] += 1
                usage[model]["replies"] += 1
                usage[model]["tokens_in"] += 118
                usage[model]["tokens_out"] += row["history"][k]["tokens_out"]
    return UnitCounts(
        list(steps.values()), usage, f"runner-{number % 2}", {"teacher/0": len(rows), "judge/0": len(rows)}, 3.0
    )


def _passes(row, steps, step, seconds, tokens, reason, kind="rejected"):
    outcome = "kept" if reason is None else kind
    steps[step].rows_in += 1
    steps[step].tokens_out += tokens
    steps[step].count(outcome, reason)
    spent = {"seconds": seconds, "tokens_in": 118, "tokens_out": tokens}
    row["history"].append({"step": step, "outcome": outcome, "reason": reason, **spent})
    return reason is None


def select(rows, ranks):
    step = StepCounts("select", rows_in=len(rows))
    decisions = []
    for row in rows:
        outcome, reason = ("kept", None) if row["score"] >= 7 else ("rejected", "score below 7")
        step.count(outcome, reason)
        decisions.append({"id": row["id"], "outcome": outcome, "reason": reason, "rank": ranks[row["id"]]})
    return decisions, UnitCounts([step])


def write_training(store):
    rng = random.Random(1)
    records = []
    for step in range(10, 801, 10):
        loss = 0.21 + 3.6 * math.exp(-step / 110) + rng.gauss(0, 0.025)
        records.append({"step": step, "loss": round(loss, 4), "tokens": step * 4096, "seconds": step * 0.3})
        if step % 100 == 0:
            records.append({"step": step, "held_out_loss": round(0.26 + 3.6 * math.exp(-step / 110), 4)})
    store.write("training/sft/metrics.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())
    details = {
        "kind": "sft", "sharding": "fsdp2", "workers": 2, "steps": 800, "epochs": 4.0, "tokens": 3_276_800,
        "loss_first": records[0]["loss"], "loss_last": records[-2]["loss"], "tokens_per_second": 13_640.0,
        "memory_gib": 0.9,
    }  # fmt: skip
    Manifest(
        name="sft", kind="training", fingerprint="c1d2e3f4a5b69788", seconds=251.0, started="2026-11-22T07:34:12+00:00",
        finished="2026-11-22T07:38:23+00:00", details=details,
    ).write(store, "training/sft")  # fmt: skip


def write_results(store):
    for model, value, tokens, truncated in (
        ("student_before", 0.013, 96.4, 41),
        ("student_after", 0.847, 51.2, 0),
        ("teacher", 0.883, 50.6, 0),
    ):
        result = {
            "model": model, "benchmark": "held-out", "metric": "exact_match", "value": value,
            "stderr": math.sqrt(value * (1 - value) / 300), "mean_output_tokens": tokens, "questions": 300,
            "truncated": truncated,
        }  # fmt: skip
        store.write_json(f"evaluations/{model}/held-out/result.json", result)
