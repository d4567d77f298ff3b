"""Compare two evaluations: what changed, question by question, and how much of it is chance.

distilray compare runs/first runs/second
distilray compare runs/first/evaluations/student_before runs/first/evaluations/student_after --html changes.html
distilray compare out/gemma-2b/results_2026-11-27T16-40-00.json samples_gsm8k.jsonl --markdown

Each is a run directory, a folder of it, or a file of results or samples, ours or lm-evaluation-harness's. Differences
are paired by question, and clustered where questions are grouped.
"""

from __future__ import annotations

import argparse
import json
import sys

from distilray.evaluate import compare_evaluations
from distilray.report import (
    comparison_record,
    comparisons_markdown,
    comparisons_svg,
    render_comparisons,
    stdout,
    write_comparison,
)
from distilray.storage import put, resolve


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="A", help="run, folder, results_*.json or samples_*.parquet: what was before")
    parser.add_argument("second", metavar="B", help="what it is compared with")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print JSON, for programs")
    shown.add_argument("--markdown", action="store_true", help="print a table for a model card")
    parser.add_argument("--html", metavar="FILE", help="write a page with the difference of each pair of answers")
    parser.add_argument("--svg", metavar="FILE", help="write a picture of the scores")


def call(options: argparse.Namespace) -> int:
    comparisons = compare_evaluations(options.first, options.second)
    if options.html:
        write_comparison(comparisons, options.html)
    if options.svg:
        put(*resolve(options.svg), comparisons_svg(comparisons).encode())
    if options.json:
        json.dump([comparison_record(one) for one in comparisons], sys.stdout, indent=1, ensure_ascii=False)
        print()
    elif options.markdown:
        print(comparisons_markdown(comparisons), end="")
    else:
        stdout().print(render_comparisons(comparisons))
    return 0
