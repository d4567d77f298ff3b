"""Show what a run has done so far: rows, reasons, tokens and time per step, models, trainings, evaluations.

distilray status runs/quickstart
distilray status runs/quickstart --json
"""

from __future__ import annotations

import argparse
import json
import sys

from distilray.cli.run_directory import existing_run
from distilray.report import render_status, status, stdout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def call(options: argparse.Namespace) -> int:
    found = status(existing_run(options.run))
    if options.json:
        json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        stdout().print(render_status(found))
    return 0
