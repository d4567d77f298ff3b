"""Score (answer, reference) pairs from a file without a model.

distilray verify pairs.jsonl --kind math
"""

from __future__ import annotations

import argparse

NAME, HELP = "verify", "score answers against references, without a model"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="JSONL with `answer` and `reference` in each line")
    parser.add_argument("--kind", choices=("math", "code", "choice"), required=True, help="how answers are compared")
    parser.add_argument("--json", action="store_true", help="verdicts as JSON lines")
    parser.add_argument("--workers", type=int, help="worker processes (default: all cores)")


def call(options: argparse.Namespace) -> int:
    from distilray.cli.verify_file import verify_file

    return verify_file(options.file, options.kind, options.json, options.workers)
