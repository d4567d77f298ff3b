"""Write a run's report: one static HTML page.

distilray report runs/quickstart
"""

from __future__ import annotations

import argparse

from distilray.cli.status import existing_run

NAME, HELP = "report", "write a run's report, one static HTML page"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("--out", help="where to write it (default: report.html in the run directory)")


def call(options: argparse.Namespace) -> int:
    from distilray.report import write_report

    print(write_report(existing_run(options.run), options.out))
    return 0
