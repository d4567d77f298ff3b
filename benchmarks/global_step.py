"""A global step over a run on an S3-compatible server as slow and unreliable as one far away: seconds and requests.

    python -m benchmarks.global_step --rows 1000000

The units are written to the server first; then ``select`` keeps the best tenth of the rows through a proxy that adds 30
ms to each request, answers 1 % with 503 and cuts 0.1 % of the connections. The seconds are those of the step: columns
read from every unit, the decision, a decision file for every unit. Server and proxy run on the same machine.
"""

from __future__ import annotations

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from benchmarks import record

if TYPE_CHECKING:
    from distilray.ledger import UnitInput
    from distilray.storage import Store

SENTENCE = "the answer follows from what was said above since both sides are equal and nothing else is left"
WORDS = SENTENCE.split()
WRITES_AT_ONCE = 8
FOLDER = "steps/01-answer"


def main() -> None:
    parser = record.command_line(__doc__, "global_step.json")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--unit-rows", type=int, default=256)
    parser.add_argument("--delay", type=float, default=0.03, help="seconds that each request waits")
    parser.add_argument("--refused", type=float, default=0.01, help="share of requests that are answered with 503")
    parser.add_argument("--cut", type=float, default=0.001, help="share of requests whose connection is cut")
    options = parser.parse_args()
    record.share_imports()
    from benchmarks.faulty_store import FaultyStore
    from benchmarks.real_input import s3_server
    from distilray.storage import Store

    with s3_server() as place:
        units = write_units(Store(place), options.rows, options.unit_rows)
        server = place.partition("endpoint_override=")[2].partition("&")[0]
        with FaultyStore(server, delay_s=options.delay, refused=options.refused, cut=options.cut) as proxy:
            store = Store(place.replace(server, proxy.address))
            measured = measure(store, units, options.rows)
            requests = dict(proxy.requests)
    result = {
        "rows": options.rows,
        "units": len(units),
        "delay_s": options.delay,
        "refused": options.refused,
        "cut": options.cut,
        **measured,
        "requests": requests,
    }
    record.write(options.out, result, packages=("duckdb", "moto"))
    print(json.dumps(result, indent=1))


def write_units(store: Store, rows: int, unit_rows: int) -> list[tuple[str, UnitInput]]:
    """Units of rows of about a kilobyte, as a phase leaves them."""
    import pyarrow as pa

    from distilray.ledger import StepCounts, UnitCounts, UnitInput, write_unit
    from distilray.rows import schema_with, to_table

    schema = schema_with({"score": "float"})
    texts = [" ".join(random.Random(k).choices(WORDS, k=180)) for k in range(2 * unit_rows)]

    def write(first: int) -> tuple[str, UnitInput]:
        count = min(unit_rows, rows - first)
        draw = random.Random(first)
        made: list[dict[str, Any]] = [
            {
                "id": f"rows/{first + k}",
                "source": "rows",
                "language": "en",
                "messages": [{"role": "user", "content": texts[draw.randrange(len(texts))][:200]}],
                "answer": texts[draw.randrange(len(texts))],
                "outcome": "kept",
                "score": draw.random(),
            }
            for k in range(count)
        ]
        name = f"unit-{first // unit_rows:06d}"
        unit = UnitInput(f"{FOLDER}/{name}.parquet")
        table: pa.Table = to_table(made, schema)
        write_unit(store, unit.path, table, schema, UnitCounts([StepCounts("answer", rows_in=count, kept=count)]))
        return name, unit

    with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
        return list(pool.map(write, range(0, rows, unit_rows)))


def measure(store: Store, units: list[tuple[str, UnitInput]], rows: int) -> dict[str, Any]:
    """Seconds of the step, once Ray has started."""
    from distilray.ledger import Lease, Manifest
    from distilray.runner import Budget, Context, GlobalStage, NamedStep, Resources, cluster, run_global
    from distilray.steps.select import Select

    resources = Resources()
    stage = GlobalStage("steps/02-select", NamedStep("select", Select(by="score", top=rows // 10)), "select")
    with Lease.acquire(store, note="benchmark") as lease, cluster(resources):
        context = Context(store.patient(), lease, resources, Budget())
        before = os.times()
        started = time.monotonic()
        run_global(context, stage, units)
        seconds = time.monotonic() - started
        after = os.times()
    manifest = Manifest.read(store, stage.directory)
    assert manifest is not None
    [counts] = manifest.steps
    assert (counts.rows_in, counts.kept) == (rows, rows // 10), counts
    return {
        "seconds": round(seconds, 1),
        "proxy_and_driver_cpu_seconds": round(sum(after[:2]) - sum(before[:2]), 1),
        "kept": counts.kept,
    }


if __name__ == "__main__":
    main()
