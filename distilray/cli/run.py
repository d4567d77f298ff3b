"""Run a recipe, or go on with it where it was stopped.

distilray run jobs/recipes/quickstart.yaml
distilray run recipe.yaml --run s3://bucket/runs/first models.teacher.replicas=4 steps.answer.n=2
"""

from __future__ import annotations

import argparse
import shlex
import sys

from distilray.cli.argtypes import row_count
from distilray.cli.exit_codes import INTERRUPTED

NAME, HELP = "run", "run a recipe, or go on with it"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path or URI of the recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dotted keys of the recipe to set")
    parser.add_argument("--run", metavar="DIR", help="run directory, any pyarrow filesystem URI (default runs/NAME)")
    parser.add_argument("--limit", type=row_count, metavar="N", help="at most N rows from all sources together")


def call(options: argparse.Namespace) -> int:
    from distilray.driver import Event, run
    from distilray.recipe import load
    from distilray.report import TerminalView, duration, results_table
    from distilray.storage import Store

    loaded = load(options.recipe, options.overrides)
    directory = options.run or f"runs/{loaded.recipe.name}"
    store = Store.reach(directory)
    view = TerminalView(store)
    try:
        with view:
            view(Event("note", "", f"run {loaded.recipe.name} in {store.shown}"))
            finished = run(options.recipe, options.overrides, directory=directory, limit=options.limit, listen=view)
    except KeyboardInterrupt:
        print(f"interrupted{view.where()}; what is done is kept. The same command goes on:", file=sys.stderr)
        print(f"  {options.command}", file=sys.stderr)
        return INTERRUPTED
    console = view.console
    if finished.results:
        console.print()
        console.print(results_table(finished.results))
    from distilray.report import write_report

    page = write_report(store)
    console.print(f"\ndone in {duration(finished.seconds)}")
    console.print(f"report    {page}")
    if finished.student:
        console.print(f"student   {store.shown}/{finished.student}")
        console.print(f"chat      distilray chat {shlex.quote(directory)}")
    console.print(f"look      distilray status {shlex.quote(directory)}   distilray rows {shlex.quote(directory)} STEP")
    return 0
