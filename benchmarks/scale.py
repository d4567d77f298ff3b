"""Runs of growing size: does a row cost the same in all of them, and what do units cost the parts of a run?

    python -m benchmarks.scale --rows 100000 1000000 5000000
    python -m benchmarks.scale --s3 --rows 1000000

Rows of JSON lines are answered by the echo engine, checked, published and accounted for. On the local disk: seconds a
row, start-up apart; memory and processor time of driver, runners and monitor; what the ledger costs. With ``--s3`` the
run is on an S3-compatible server behind a proxy that adds 30 ms to each request, answers 1 % of them with 503 and cuts
0.1 % of the connections. Its driver is killed when half of the units are published, and started again: no row may be
failed or missing. Reported are the seconds to the first new request, those of ``distilray status``, requests by kind,
and what these would cost a million rows at list prices.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks import record


def main() -> None:
    parser = record.command_line(__doc__, "scale.json")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--runners", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=2048)
    parser.add_argument("--s3", action="store_true", help="behind a faulty proxy, killed at half")
    parser.add_argument("--one", action="store_true", help="a single size in this process, printed and not recorded")
    options = parser.parse_args()
    record.share_imports()
    if options.one:
        print(json.dumps(measure(options.s3, options.rows[0], options.runners, options.in_flight)))
        return
    found = [apart(options, rows) for rows in options.rows]
    kind = "s3" if options.s3 else "local"
    known = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    results = {key: known[key] for key in ("local", "s3") if key in known} | {kind: with_ratios(found)}
    record.write(options.out, results)
    print(json.dumps(results[kind], indent=1))


def apart(options: Any, rows: int) -> Any:
    """In a process of its own, so that memory is that of one size."""
    print(f"{rows:,} rows", file=sys.stderr, flush=True)
    shape = ("--runners", str(options.runners), "--in-flight", str(options.in_flight))
    return record.apart("benchmarks.scale", "--one", *(["--s3"] if options.s3 else []), "--rows", str(rows), *shape)


def measure(s3: bool, rows: int, runners: int, in_flight: int) -> dict[str, Any]:
    if s3:
        from benchmarks.scaling import far

        return far.measure(rows, runners, in_flight)
    from benchmarks.scaling import local

    return local.measure(rows, runners, in_flight)


def with_ratios(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with what its row took against a row of the smallest run."""
    smallest = found[0].get("microseconds_a_row")
    if smallest is None:
        return found
    return [{**one, "against_the_smallest": round(one["microseconds_a_row"] / smallest, 3)} for one in found]


if __name__ == "__main__":
    main()
