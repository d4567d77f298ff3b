"""Show the rows of a step, readably.

distilray rows runs/quickstart check --outcome rejected --limit 5
"""

from __future__ import annotations

import argparse
import sys

from distilray.cli.status import existing_run

NAME, HELP = "rows", "show the rows of a step"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("step", help="a step's name, or `sources`")
    parser.add_argument("--outcome", choices=("kept", "rejected", "failed"), help="only rows with this outcome")
    parser.add_argument("--limit", type=int, default=10, metavar="N", help="at most N rows (default 10)")
    parser.add_argument("--id", help="the one row with this id")


def call(options: argparse.Namespace) -> int:
    from distilray.report import show_rows

    store = existing_run(options.run)
    show_rows(store, options.step, outcome=options.outcome, limit=options.limit, row_id=options.id, out=sys.stdout)
    return 0
