"""Runs as a runner leaves them: sources, a phase of two steps, a selection, a round of a repeat."""

from distilray.ledger import Manifest, StepCounts, UnitCounts, now, write_unit
from distilray.rows import schema_with

SOURCES, PHASE, SELECT = "steps/00-sources", "steps/01-answer+judge", "steps/02-select"
ROWS = schema_with({"relevance": "int"})


def unit(number):
    return f"unit-{number:06d}"


def ids_of(number, rows):
    return [f"gsm8k/train.jsonl:{number * rows + k}" for k in range(rows)]


def entry(step, outcome, reason=None):
    return {"step": step, "outcome": outcome, "reason": reason, "seconds": 0.5, "tokens_in": 20, "tokens_out": 10}


def write_run(store, units=3, rows=8, finished=True):
    """Of every eight rows, the judge rejects the fourth and fails on the fifth, and the selection drops the sixth."""
    stages = [
        (SOURCES, Manifest(name="sources", kind="sources", fingerprint="s"), write_sources),
        (PHASE, Manifest(name="answer+judge", kind="phase", fingerprint="p"), write_phase),
        (SELECT, Manifest(name="select", kind="global", fingerprint="g"), write_selection),
    ]
    for folder, manifest, write in stages:
        manifest.started = now()
        for number in range(units):
            manifest.add(write(store, number, rows))
        manifest.seconds, manifest.finished = 2.0, now() if finished else None
        manifest.write(store, folder)
    store.write_json("run.json", {"name": "quickstart", "state": "finished" if finished else "running"})


def write_sources(store, number, rows):
    counts = UnitCounts([StepCounts("sources", rows_in=rows, kept=rows)])
    values = [{"id": i, "outcome": "kept", "messages": question(i)} for i in ids_of(number, rows)]
    write_unit(store, f"{SOURCES}/{unit(number)}.parquet", values, ROWS, counts)
    return counts


def question(row_id):
    return [{"role": "user", "content": f"How much is {row_id.rpartition(':')[2]} + 1?"}]


def write_phase(store, number, rows):
    values = []
    answer, judge = StepCounts("answer", rows_in=rows), StepCounts("judge", rows_in=rows)
    answer.tokens_out = judge.tokens_out = 10 * rows
    answer.count("kept", n=rows)
    for k, row_id in enumerate(ids_of(number, rows)):
        outcome, reason = {3: ("rejected", "relevance below 6"), 4: ("failed", "RequestTimedOut")}.get(
            k % 8, ("kept", None)
        )
        judge.count(outcome, reason)
        values.append(
            {
                "id": row_id,
                "messages": question(row_id),
                "answer": f"It is {int(row_id.rpartition(':')[2]) + 1}.",
                "relevance": 9 - k % 8,
                "outcome": outcome,
                "stopped_at": None if outcome == "kept" else "judge",
                "reason": reason,
                "history": [entry("answer", "kept"), entry("judge", outcome, reason)],
            }
        )
    usage = {"teacher": {"requests": 2 * rows, "replies": 2 * rows, "tokens_out": 20 * rows}}
    counts = UnitCounts([answer, judge], usage, f"runner-{number % 2}", {f"engine-{number % 2}": 2 * rows})
    write_unit(store, f"{PHASE}/{unit(number)}.parquet", values, ROWS, counts)
    return counts


def write_selection(store, number, rows):
    import pyarrow as pa

    schema = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string())])
    select = StepCounts("select")
    values = []
    for k, row_id in enumerate(ids_of(number, rows)):
        if k % 8 in (3, 4):
            continue
        outcome, reason = ("rejected", "outside the best half") if k % 8 == 5 else ("kept", None)
        select.rows_in += 1
        select.count(outcome, reason)
        values.append({"id": row_id, "outcome": outcome, "reason": reason})
    counts = UnitCounts([select])
    write_unit(store, f"{SELECT}/decisions/{unit(number)}.parquet", values, schema, counts)
    return counts
