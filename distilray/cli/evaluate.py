"""Score responses that others have recorded, and recorded judgments, on a published benchmark, without any model.

distilray evaluate gsm8k --responses example_model_solutions.jsonl --data-dir benchmarks
distilray evaluate ifeval --responses responses.jsonl --data-dir benchmarks --json
distilray evaluate humaneval --responses samples.jsonl --data-dir benchmarks --samples scored.jsonl

Questions without a response, doubled responses, cut and unparsed ones are counted beside the score. docs/evaluation.md
lists the forms of responses, and where the data set of each benchmark goes.
"""

from __future__ import annotations

import argparse
import json
import sys

from distilray import __version__
from distilray.evaluate import PUBLISHED, differences, evaluate_recorded, result_of, write_results, write_samples
from distilray.report import difference_record, evaluation_record, render_evaluations, stdout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("benchmark", metavar="BENCHMARK", help=", ".join(PUBLISHED))
    parser.add_argument(
        "--responses", required=True, metavar="FILE", help="recorded responses or judgments: a file, a folder or a glob"
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where the benchmark's data set lies, as DIR/BENCHMARK or DIR"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument(
        "--out", metavar="DIR", help="write results_*.json, as lm-evaluation-harness does, and the samples as Parquet"
    )
    parser.add_argument("--samples", metavar="FILE", help="write every response with its score: .jsonl or .parquet")


def call(options: argparse.Namespace) -> int:
    evaluations = evaluate_recorded(options.benchmark, options.responses, options.data_dir)
    if options.samples:
        results = [result_of(one, options.responses, options.data_dir) for one in evaluations]
        write_samples(evaluations, options.samples, results)
    if options.out:
        write_results(evaluations, options.out, options.responses, options.data_dir)
    if options.json:
        results = [evaluation_record(one) for one in evaluations]
        found = {"benchmark": results[0]["benchmark"], "distilray": __version__, "results": results}
        found["differences"] = [difference_record(one) for one in differences(evaluations)]
        json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        stdout().print(render_evaluations(evaluations, differences(evaluations)))
    return 0
