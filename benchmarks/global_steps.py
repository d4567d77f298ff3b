"""Steps over the whole set at 100,000 and a million rows: rows/s, memory, and what they find of what was planted.

    python -m benchmarks.global_steps --rows 100000 1000000
    python -m benchmarks.global_steps --rows 20000 --steps deduplicate

Every step decides in a process of its own, on a database like a run's: the rows on disk, DuckDB's memory limited, the
decisions streamed into files as a run writes them. Of the rows (English and Chinese, words by Zipf's law) 5 % are
near-copies of others with one or two words changed, 2 % copies in another case, 3 % are changed further, 1 % hold a
question of a benchmark, 10 % of the answers begin alike. Similarities are counted anew here, word by word. Memory is
compared with a floor, the peak of the same step over 2,000 rows with the whole of DuckDB's limit on top, and 64 bytes a
row; ``disk_mib`` is the most that lay on disk meanwhile, rows and all that spilled.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks import record
from distilray.rows import schema_with
from distilray.sources import Source
from distilray.steps import STEPS, GlobalStep
from distilray.storage import Store

THRESHOLD = 0.8
SMALL = 2000
BYTES_A_ROW = 64
BATCH = 2000
UNITS_A_SHARD = 16
LOOKS_EVERY_S = 0.2
QUESTIONS = 5000
VOCABULARY = 30_000
COLUMNS = {"score": "float"}
SETTINGS: dict[str, dict[str, Any]] = {
    "deduplicate": {"threshold": THRESHOLD},
    "decontaminate": {},
    "balance": {
        "shares": {"math": 0.3, "writing": 0.3, "others": 0.4},
        "languages": ["en", "zh"],
        "lengths": {"mean": 50, "deviation": 0.5},
        "short": "expand",
    },
    "find_boilerplate": {"above": 0.02},
    "select": {"by": "score", "share": 0.3, "group_by": ["task"]},
}


def language_of(k: int) -> str:
    return "zh" if k % 4 == 3 else "en"


@lru_cache(2)
def words_of(language: str) -> tuple[list[str], list[float]]:
    """Words, and the cumulative weights that they are drawn with."""
    if language == "zh":
        words = [chr(0x4E00 + k) for k in range(4000)]
    else:
        draw = random.Random(0)
        words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(VOCABULARY)]
    return words, list(accumulate(1 / (k + 20) for k in range(len(words))))


def drawn(draw: random.Random, language: str, number: int) -> list[str]:
    words, weights = words_of(language)
    return draw.choices(words, cum_weights=weights, k=number)


def kind_of(k: int) -> str:
    """What row ``k`` is; a copy is of an earlier original."""
    place = k % 100
    if k < 1000 or place >= 11:
        return "original"
    return "near" if place < 5 else "exact" if place < 7 else "decoy" if place < 10 else "question"


def original_of(k: int) -> int:
    """The row of which ``k`` is a copy, in the same language."""
    return random.Random(f"base-{k}").randrange(k // 100) * 100 + 20 + k % 4


def tokens(k: int) -> list[str]:
    """The words that row ``k`` asks."""
    kind, language = kind_of(k), language_of(k)
    draw = random.Random(f"row-{k}")
    if kind == "original":
        return drawn(draw, language, max(12, round(draw.lognormvariate(3.9, 0.5))))
    if kind == "question":
        return drawn(draw, "en", 10) + question(draw.randrange(QUESTIONS)).split() + drawn(draw, "en", 10)
    asked = list(tokens(original_of(k)))
    if kind == "exact":
        return [word.upper() for word in asked]
    changes = draw.randint(1, 2) if kind == "near" else max(3, len(asked) // 8)
    for place in draw.sample(range(len(asked)), changes):
        asked[place] = drawn(draw, language, 1)[0]
    return asked


def text_of(k: int) -> str:
    chinese = language_of(k) == "zh" and kind_of(k) != "question"
    return ("" if chinese else " ").join(tokens(k))


def question(number: int) -> str:
    return " ".join(drawn(random.Random(f"question-{number}"), "en", 30))


def questions() -> Iterator[dict[str, str]]:
    """Records of the benchmark."""
    for number in range(QUESTIONS):
        yield {"instruction": question(number), "output": "?"}


def table(start: int, stop: int) -> pa.Table:
    rows = []
    for k in range(start, stop):
        language, draw = language_of(k), random.Random(f"answer-{k}")
        opening = ["sure", "here", "is", "what"] if k % 10 == 0 else []
        rows.append(
            {
                "id": f"r{k}",
                "source": "made",
                "language": language,
                "task": ("math", "writing", "history", "law")[k % 4],
                "messages": [{"role": "user", "content": text_of(k)}],
                "answer": ("" if language == "zh" else " ").join(opening + drawn(draw, language, 60)),
                "score": draw.random(),
            }
        )
    made = pa.Table.from_pylist(rows, schema=schema_with(COLUMNS))
    return made.append_column("unit", pa.array([start // BATCH] * made.num_rows, pa.int32()))


def step_of(name: str) -> GlobalStep:
    step = STEPS[name].model_validate(SETTINGS[name])
    assert isinstance(step, GlobalStep)
    if name == "decontaminate":
        asked = Source(name="planted", uses="benchmarks.global_steps:questions", language="en")
        step = step.model_copy(update={"against": (asked,)})
    return step


def similarity(one: int, other: int) -> float:
    """Of two rows, by their runs of three words or five characters."""
    length = 5 if language_of(one) == "zh" else 3
    mine, theirs = (
        {tuple(words[k : k + length]) for k in range(max(1, len(words) - length + 1))}
        for words in ([word.lower() for word in tokens(k)] for k in (one, other))
    )
    return len(mine & theirs) / len(mine | theirs)


def found(name: str, connection: duckdb.DuckDBPyConnection, rows: int) -> dict[str, Any]:
    """What the decisions in the table ``decided`` are worth."""
    if name == "deduplicate":
        gone = dict(connection.execute("SELECT id, duplicate_of FROM decided WHERE reason IS NOT NULL").fetchall())
        planted = [k for k in range(rows) if kind_of(k) in ("near", "exact")]
        near = [k for k in planted if similarity(k, original_of(k)) >= THRESHOLD]
        met = sum(f"r{k}" in gone or f"r{original_of(k)}" in gone for k in near)
        wrong = sum(similarity(int(one[1:]), int(keeper[1:])) < THRESHOLD for one, keeper in gone.items())
        standing = sum(keeper in gone for keeper in gone.values())
        return {"planted": len(near), "recall": met / len(near), **alarms(wrong, rows), "keepers_gone": standing}
    if name == "decontaminate":
        ids = connection.execute("SELECT id FROM decided WHERE reason IS NOT NULL").fetchall()
        kinds = [kind_of(int(one[1:])) for (one,) in ids]
        planted = sum(kind_of(k) == "question" for k in range(rows))
        met = kinds.count("question")
        return {"planted": planted, "recall": met / planted, **alarms(len(kinds) - met, rows)}
    reasons = connection.execute("SELECT reason, count(*) FROM decided GROUP BY reason ORDER BY reason").fetchall()
    return {"reasons": {reason or "kept": number for reason, number in reasons}}


def alarms(wrong: int, rows: int) -> dict[str, float]:
    return {"false_alarms": wrong, "false_alarms_in_10000": round(10_000 * wrong / rows, 3)}


@contextmanager
def disk_used(folder: str) -> Iterator[dict[str, int]]:
    """The most ``bytes`` that the files in ``folder`` had while the block ran, looked at every fifth of a second."""
    most, over = {"bytes": 0}, threading.Event()

    def look() -> None:
        while not over.wait(LOOKS_EVERY_S):
            held = 0
            for path in Path(folder).rglob("*"):
                with suppress(FileNotFoundError):  # what spilled is deleted when it is no longer needed
                    held += path.stat().st_size
            most["bytes"] = max(most["bytes"], held)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def measure(name: str, rows: int, memory_gib: float) -> dict[str, Any]:
    """In a process of its own."""
    from distilray.runner.decisions import decided_rows, shard_path, write_shards  # ray

    step = step_of(name)
    firsts = list(range(0, -(-rows // BATCH), UNITS_A_SHARD))
    with tempfile.TemporaryDirectory(prefix="distilray-sets-") as folder:
        connection = duckdb.connect(f"{folder}/rows.duckdb")
        connection.execute(f"SET memory_limit='{memory_gib}GiB'; SET temp_directory='{folder}'; SET threads=2")
        wanted = sorted({"id", "unit", *step.columns_read()})
        tables = (table(start, min(rows, start + BATCH)).select(wanted) for start in range(0, rows, BATCH))
        first = next(tables)
        made = pa.RecordBatchReader.from_batches(  # noqa: F841  (DuckDB finds it by name)
            first.schema, (batch for one in (first, *tables) for batch in one.to_batches())
        )
        connection.execute("CREATE TABLE rows AS SELECT * FROM made")
        started, cpu = time.perf_counter(), time.process_time()
        with disk_used(folder) as disk:
            write_shards(Store(folder), "stage", decided_rows(connection, step), firsts)
            step.summary(connection)
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        shards = [f"{folder}/{shard_path('stage', number)}" for number in range(len(firsts))]
        connection.execute(f"CREATE VIEW decided AS SELECT * FROM read_parquet({shards})")
        figures = found(name, connection, rows)
        connection.close()
    return {
        "step": name, "rows": rows, "seconds": round(seconds, 1), "cpu_seconds": round(used, 1),
        "rows_per_s": round(rows / seconds), "peak_bytes": peak, "disk_mib": round(disk["bytes"] / 2**20), **figures,
    }  # fmt: skip


def main() -> None:
    parser = record.command_line(__doc__, "global_steps.json")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--steps", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--memory-gib", type=float, default=0.5, help="DuckDB's limit; default: 0.5")
    parser.add_argument("--one", nargs=2, metavar=("STEP", "ROWS"), help="measure one in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]), options.memory_gib)))
        return
    record.share_imports()
    results = []
    for name in options.steps:
        memory = ("--memory-gib", str(options.memory_gib))
        least = record.apart("benchmarks.global_steps", "--one", name, str(SMALL), *memory)["peak_bytes"]
        floor = least + options.memory_gib * 2**30
        for rows in options.rows:
            figures = record.apart("benchmarks.global_steps", "--one", name, str(rows), *memory)
            figures["within_floor_and_64_bytes_a_row"] = figures["peak_bytes"] <= floor + BYTES_A_ROW * rows
            figures |= {"floor_mib": round(floor / 2**20), "peak_mib": round(figures.pop("peak_bytes") / 2**20)}
            print(json.dumps(figures), file=sys.stderr, flush=True)
            results.append(figures)
    record.write(options.out, {"results": results}, packages=("duckdb", "datasketch", "numpy"))
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
