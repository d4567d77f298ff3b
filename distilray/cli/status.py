"""What a run has done so far: rows, reasons, tokens and time per step, models, trainings, evaluations.

distilray status runs/quickstart
distilray status runs/quickstart --json
"""

from __future__ import annotations

import argparse
import json
import sys

from distilray.cli.exit_codes import UsageError

NAME, HELP = "status", "what a run has done so far"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def call(options: argparse.Namespace) -> int:
    from distilray.report import render_status, status

    store = existing_run(options.run)
    found = status(store)
    if options.json:
        json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        from distilray.report import stdout

        stdout().print(render_status(found))
    return 0


def existing_run(directory: str):
    """The store of a run that is there; :class:`UsageError` otherwise."""
    from distilray.storage import Store

    store = Store.reach(directory)
    if not store.exists("run.json"):
        raise UsageError(f"{store.shown} is no run directory (it has no run.json); `distilray run RECIPE` makes one")
    return store
