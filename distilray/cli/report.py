"""Write a run's report: one static HTML page.

distilray report runs/quickstart
"""

from __future__ import annotations

import argparse

from distilray.cli.run_directory import existing_run
from distilray.report import write_report


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("--out", help="path or URI of the page (default: report.html in the run directory)")


def call(options: argparse.Namespace) -> int:
    print(write_report(existing_run(options.run), options.out))
    return 0
