"""Evaluate models on published benchmarks, or score responses that others have recorded, without any model.

distilray evaluate Qwen/Qwen2.5-7B-Instruct tuned=runs/first --benchmarks gsm8k,ifeval --data-dir benchmarks
distilray evaluate http://10.0.0.7:8000/v1#big-1 --benchmarks mt_bench --judge Qwen/QwQ-32B --json
distilray evaluate runs/first --tasks mmlu,gsm8k_cot --chat
distilray evaluate gsm8k --responses example_model_solutions.jsonl --data-dir benchmarks
distilray evaluate humaneval --responses samples.jsonl --data-dir benchmarks --samples scored.jsonl

A model is a checkpoint, a name on the hub, a run (its student), or the address of an endpoint, with #MODEL where that
serves several. Questions without a response, doubled responses, cut and unparsed ones are counted beside the score.
docs/evaluation.md lists what is asked how, the forms of responses, and where the data set of each benchmark goes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from pydantic import ValidationError

from distilray import __version__
from distilray.cli.argtypes import row_count
from distilray.cli.exit_codes import UsageError
from distilray.evaluate import (
    PUBLISHED,
    Published,
    differences,
    evaluate_recorded,
    models_at,
    published_benchmark,
    result_of,
    write_results,
    write_samples,
)
from distilray.planning import this_machine
from distilray.report import (
    TerminalView,
    benchmark_table,
    difference_record,
    evaluation_record,
    render_evaluations,
    stdout,
    task_lines,
)
from distilray.storage import Store

JUDGE, DIRECTORY = "judge", "runs/evaluation"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "targets", nargs="+", metavar="MODEL|BENCHMARK",
        help=f"models, as [NAME=]MODEL; with --responses the benchmark: {', '.join(PUBLISHED)}",
    )  # fmt: skip
    parser.add_argument("--benchmarks", metavar="A,B", help="what the models are asked")
    parser.add_argument(
        "--responses", metavar="FILE", help="recorded responses or judgments: a file, a folder or a glob"
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where the data sets lie, as DIR/BENCHMARK or DIR; default: the hub"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument(
        "--out", metavar="DIR", help="write results_*.json, as lm-evaluation-harness does, and the samples as Parquet"
    )
    parser.add_argument("--samples", metavar="FILE", help="write every response with its score: .jsonl or .parquet")
    parser.add_argument("--tasks", metavar="A,B", help="tasks of lm-evaluation-harness, with its prompts and filters")
    asking = parser.add_argument_group("with --benchmarks or --tasks")
    asking.add_argument("--run", metavar="DIR", help="where answers are kept and taken up again (runs/evaluation)")
    asking.add_argument("--limit", type=row_count, metavar="N", help="at most N questions of each benchmark")
    asking.add_argument("--n", type=row_count, metavar="N", help="answers to each question; default: the benchmark's")
    asking.add_argument("--max-tokens", type=row_count, metavar="N", help="of a reply; default: the benchmark's")
    asking.add_argument("--judge", metavar="MODEL", help="who judges the answers to alpaca_eval and mt_bench")
    asking.add_argument("--api-key-env", metavar="NAME", help="environment variable with the key of the endpoints")
    asking.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="a setting of the models, such as gpus=4, or of one: NAME.gpus=4",
    )  # fmt: skip
    tasks = parser.add_argument_group("with --tasks")
    tasks.add_argument("--chat", action="store_true", help="ask in the model's chat template")
    tasks.add_argument("--num-fewshot", type=int, metavar="N", help="examples before each question")
    tasks.add_argument("--include-path", metavar="DIR", help="a folder with tasks of your own")


def call(options: argparse.Namespace) -> int:
    if sum(map(bool, (options.benchmarks, options.tasks, options.responses))) != 1:
        raise UsageError(
            "give either --benchmarks or --tasks, what models are asked, or --responses, what they answered"
        )
    if (options.samples or options.out) and not options.responses:
        given = "--samples" if options.samples else "--out"
        raise UsageError(f"{given} is for --responses; the answers that models give here are kept in --run DIR")
    if options.responses and len(options.targets) > 1:
        raise UsageError(
            f"--responses are of one benchmark, not of {len(options.targets)}: {' '.join(options.targets)}"
        )
    if options.responses:
        return _recorded(options)
    return _tasks(options) if options.tasks else _asked(options)


def _asked(options: argparse.Namespace) -> int:
    benchmarks = [_benchmark(name, options) for name in _names(options.benchmarks)]
    judge = [f"{JUDGE}={options.judge}"] if options.judge else []  # first, so that the name is its own
    targets = [*judge, *options.targets]
    models = models_at(targets, options.set, defaults=_defaults(), api_key_env=options.api_key_env)
    from distilray.driver import evaluate_models  # ray

    directory = options.run or DIRECTORY
    if options.json:
        evaluations = evaluate_models(models, benchmarks, directory=directory)
        found = {"run": directory, "distilray": __version__}
        _print_json({**found, "results": [evaluation_record(one) for one in evaluations]})
        return 0
    with TerminalView(Store.reach(directory)) as view:
        evaluations = evaluate_models(models, benchmarks, directory=directory, listen=view)
    console = stdout()
    console.print(benchmark_table(evaluations))
    for one in evaluations:
        for note in one.notes:
            console.print(f"note: {one.title}, {one.model}: {note}", soft_wrap=True, markup=False)
    console.print(f"answers and results are in {directory}/evaluations", soft_wrap=True, markup=False)
    return 0


def _tasks(options: argparse.Namespace) -> int:
    from distilray.evaluate import run_tasks  # ray

    models = models_at(options.targets, options.set, defaults=_defaults(), api_key_env=options.api_key_env)
    directory = options.run or DIRECTORY
    found = run_tasks(
        models,
        _names(options.tasks),
        directory,
        limit=options.limit,
        num_fewshot=options.num_fewshot,
        apply_chat_template=options.chat,
        include_path=options.include_path,
    )
    if options.json:
        results = {name: {"results": one["results"], "n-samples": one["n-samples"]} for name, one in found.items()}
        _print_json({"run": directory, "distilray": __version__, "models": results})
        return 0
    for line in task_lines(found):
        print(line)
    print(f"answers and results are in {directory}/harness")
    return 0


def _benchmark(name: str, options: argparse.Namespace) -> Published:
    given = {"samples": options.n, "max_tokens": options.max_tokens, "limit": options.limit}
    known = published_benchmark(name)
    if known.judged and options.judge is None:
        raise UsageError(f"{known.name} is scored by a judge: name one with --judge MODEL")
    if known.judged:
        given["judge"] = JUDGE
    settings = {key: value for key, value in given.items() if value is not None}
    try:
        return Published.model_validate({"published": name, "data_dir": options.data_dir, **settings})
    except ValidationError as error:
        raise UsageError(str(error.errors()[0]["msg"])) from error


def _defaults() -> dict[str, Any]:
    """A GPU for each checkpoint, on a machine that has some; a cluster's machines are not known here."""
    return {"gpus": 1} if this_machine().gpus and not os.environ.get("RAY_ADDRESS") else {}


def _recorded(options: argparse.Namespace) -> int:
    evaluations = evaluate_recorded(options.targets[0], options.responses, options.data_dir)
    if options.samples:
        results = [result_of(one, options.responses, options.data_dir) for one in evaluations]
        write_samples(evaluations, options.samples, results)
    if options.out:
        write_results(evaluations, options.out, options.responses, options.data_dir)
    if options.json:
        results = [evaluation_record(one) for one in evaluations]
        found = {"benchmark": results[0]["benchmark"], "distilray": __version__, "results": results}
        _print_json({**found, "differences": [difference_record(one) for one in differences(evaluations)]})
    else:
        stdout().print(render_evaluations(evaluations, differences(evaluations)))
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_json(document: dict[str, Any]) -> None:
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()
