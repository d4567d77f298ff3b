"""Show the rows of a step in a readable form.

distilray rows runs/quickstart check --outcome rejected --limit 5
"""

from __future__ import annotations

import argparse
import sys

from distilray.cli.argtypes import row_count
from distilray.cli.run_directory import existing_run
from distilray.report import show_rows
from distilray.rows import OUTCOMES


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("step", help="a step's name, `sources`, or a training's folder, `training/sft`")
    parser.add_argument("--outcome", choices=OUTCOMES, help="only rows with this outcome")
    parser.add_argument("--limit", type=row_count, default=10, metavar="N", help="at most N rows (default 10)")
    parser.add_argument("--id", help="only the row with this id")


def call(options: argparse.Namespace) -> int:
    store = existing_run(options.run)
    show_rows(store, options.step, outcome=options.outcome, limit=options.limit, row_id=options.id, out=sys.stdout)
    return 0
