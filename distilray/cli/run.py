"""Run a recipe, or continue it where it was stopped.

distilray run jobs/recipes/quickstart.yaml
distilray run recipe.yaml --run s3://bucket/runs/first models.teacher.replicas=4 steps.answer.n=2
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from distilray.cli.argtypes import row_count
from distilray.cli.exit_codes import INTERRUPTED
from distilray.driver import Event
from distilray.errors import DistilrayError
from distilray.recipe import load_recipe
from distilray.report import TerminalView, duration, losses, results_table, training_warnings, trainings
from distilray.storage import Store, without_keys


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path or URI of the recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dotted keys of the recipe to set")
    parser.add_argument("--run", metavar="DIR", help="run directory, any pyarrow filesystem URI (default runs/NAME)")
    parser.add_argument("--limit", type=row_count, metavar="N", help="at most N rows from all sources together")


def call(options: argparse.Namespace) -> int:
    from distilray.api import run  # ray

    started = time.monotonic()
    recipe = load_recipe(options.recipe, options.overrides)
    directory = options.run or f"runs/{recipe.name}"
    store = Store.reach(directory)
    view = TerminalView(store)
    try:
        with view:
            view(Event("note", "", f"run {recipe.name} in {store.shown}"))
            done = run(recipe, directory=directory, limit=options.limit, listen=view)
    except KeyboardInterrupt:
        print(f"interrupted{view.where()}; finished work is kept. Continue with the same command:", file=sys.stderr)
        print(f"  {options.command}", file=sys.stderr)
        return INTERRUPTED
    console = view.console
    if results := done.evaluations:
        console.print()
        console.print(results_table(results))
    for line in training_warnings(trainings(done.store)):
        console.print(line)
    page = done.report()
    lost = losses(store, recipe)
    too_much = any(loss.too_much for loss in lost)
    ended = "ended with too many rows lost," if too_much else "done"
    shown = shlex.quote(without_keys(directory))
    lines = [f"\n{ended} in {duration(time.monotonic() - started)}", f"report    {page}"]
    if done.student:
        lines += [f"student   {done.student}", f"chat      distilray chat {shown}"]
    lines += [f"look      distilray status {shown}   distilray rows {shown} STEP"]
    for loss in lost:
        lines += [f"failed    {loss.text}", f"          {loss.command}"]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
    return DistilrayError.exit_code if too_much else 0
