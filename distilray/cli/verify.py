"""Score (answer, reference) pairs from a file without a model.

distilray verify pairs.jsonl --kind math
distilray verify pairs.jsonl --kind my_package:my_verifier
"""

from __future__ import annotations

import argparse

from distilray.cli.exit_codes import UsageError
from distilray.cli.verify_file import verify_file
from distilray.verifiers import KINDS, verifier_of


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        help="records with an answer (`answer`, `completion`, `output`...) and a `reference` (`ground_truth`...)",
    )
    parser.add_argument(
        "--kind",
        required=True,
        metavar="KIND",
        help=f"the verifier: {', '.join(KINDS)}, or your own function as package.module:name",
    )
    parser.add_argument("--json", action="store_true", help="print verdicts as JSON lines")
    parser.add_argument("--workers", type=int, help="worker processes (default: one per core)")


def call(options: argparse.Namespace) -> int:
    try:
        verifier_of(options.kind)
    except ValueError as error:
        raise UsageError(f"--kind: {error}") from error
    return verify_file(options.file, options.kind, options.json, options.workers)
