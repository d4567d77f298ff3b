"""The tables of docs/scale.md, from what ``benchmarks.scale`` has measured.

python -m benchmarks.scaling.document
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import record
from distilray.runner.unit_size import rows_of_a_unit

PAGE = record.ROOT / "docs" / "scale.md"
RESULTS = record.RESULTS / "scale.json"
BEGIN, END = "<!-- tables of benchmarks.scaling.document -->", "<!-- end of tables -->"
SIZES = {"10 M": 10**7, "100 M": 10**8, "1 B": 10**9}
GPUS = (64, 512)
ROWS_A_GPU = 20.0
"""Rows a second that a GPU answers: an assumption, of short answers. Longer ones make everything else matter less."""
NOT_YET = "Not measured yet: `python -m benchmarks.scale` and `python -m benchmarks.scale --s3 --rows 1000000`."

Found = Mapping[str, Any]


def main() -> None:
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), RESULTS), "utf-8")


def with_tables(page: str, results: Path) -> str:
    """``page`` with the tables that follow from the file ``results`` between its two marks."""
    found = json.loads(results.read_text("utf-8")) if results.is_file() else {}
    parts = list(_parts(found)) or [NOT_YET]
    text = "\n".join([BEGIN, *(f"\n{part}\n" for part in parts), END])
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: text, page, flags=re.S)


def _parts(found: Found) -> Iterator[str]:
    if "local" in found:
        yield "### On the local disk\n\n" + _table(_measured(found["local"]))
    if "s3" in found:
        yield "### Far away, failing now and then, killed at half\n\n" + _table(_far(found["s3"]))
    if "local" in found and "s3" in found:
        yield "### What follows\n\n" + _table(model(found["local"][-1], found["s3"][-1]))


def _measured(runs: list[Found]) -> Iterator[list[str]]:
    yield ["rows", "units", "rows/s", "a row against the smallest", "driver", "a runner", "monitor", "driver ms a unit"]
    for run in runs:
        mib = {kind: one["mib"] for kind, one in run["processes"].items()}
        yield [
            f"{run['rows']:,}",
            f"{run['units']:,}",
            f"{run['rows_per_s']:,}",
            f"{run['against_the_smallest']:.3f}",
            *(_memory(mib.get(kind)) for kind in ("driver", "runner", "monitor")),
            f"{run['driver_ms_a_unit']}",
        ]


def _memory(mib: Mapping[str, int] | None) -> str:
    return f"{mib['quarter']} -> {mib['three_quarters']} MiB" if mib else ""


def _far(runs: list[Found]) -> Iterator[list[str]]:
    yield ["rows", "rows/s", "first request after the kill", "status while it works", "requests", "$ a million rows"]
    for run in runs:
        requests = sum(n for kind, n in run["requests"].items() if kind.isupper())
        yield [
            f"{run['rows']:,}",
            f"{run['rows_per_s']:,}",
            f"{run['seconds_to_first_request']['after_the_kill']} s",
            f"{run['status_seconds']['working']['median']} s",
            f"{requests:,}",
            f"{run['dollars_a_million_rows']:.2f}",
        ]


def model(local: Found, far: Found) -> Iterator[list[str]]:
    """What runs of other sizes need, if a row and a unit cost what they did in the largest run that was measured."""
    core_s_a_row = local["processes"]["runner"]["cpu_s"] / local["rows"]
    dollars_a_unit = far["dollars_a_million_rows"] * far["rows"] / 1e6 / far["units"]
    yield [
        "rows",
        "GPUs",
        "rows of a unit",
        "units",
        "hours",
        "cores of runners",
        "driver busy",
        "monitor busy",
        "requests",
    ]
    for name, rows in SIZES.items():
        unit_rows = rows_of_a_unit(rows, 0.0)
        units = -(-rows // unit_rows)
        for gpus in GPUS:
            seconds = rows / (gpus * ROWS_A_GPU)
            yield [
                name,
                str(gpus),
                f"{unit_rows:,}",
                f"{units:,}",
                f"{seconds / 3600:.1f}",
                f"{gpus * ROWS_A_GPU * core_s_a_row:.1f}",
                f"{units * local['driver_ms_a_unit'] / 1e3 / seconds:.1%}",
                f"{units * local['monitor_ms_a_unit'] / 1e3 / seconds:.1%}",
                f"${units * dollars_a_unit:,.2f}",
            ]


def _table(lines: Iterator[list[str]]) -> str:
    head, *body = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *body])


if __name__ == "__main__":
    main()
