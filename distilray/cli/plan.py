"""Show the plan of a recipe: its phases, what is resident when, what it needs and what the machine has.

distilray plan recipe.yaml
distilray plan recipe.yaml --pilot 200
distilray plan recipe.yaml --machines 2x8x80
distilray plan recipe.yaml --machines 2x8x80,host=1500,storage=2 --json
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from distilray.api import plan
from distilray.cli.exit_codes import UsageError
from distilray.planning import (
    Available,
    benchmarks_as_json,
    needs_as_json,
    parse_machines,
    source_problems,
    this_machine,
)
from distilray.recipe import RecipeError, load_recipe
from distilray.report import TerminalView, forecast_view, stdout
from distilray.runner import Resources


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path or URI of the recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dotted keys of the recipe to set")
    parser.add_argument("--machines", metavar="8x80", help="plan for these: GPUs x GiB, or nodes x GPUs x GiB; and "
                        "GiB of memory and GB/s of storage of each: 8x80,host=1500,storage=2")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="write the needs of the trainings as JSON")
    parser.add_argument("--pilot", type=int, metavar="N", help="run N rows and predict time, tokens and cost")
    parser.add_argument("--gpu-hour", type=float, metavar="PRICE", help="what an hour of one GPU costs, for the pilot")


def call(options: argparse.Namespace) -> int:
    console = stdout()
    recipe = load_recipe(options.recipe, options.overrides)
    machine = _machine(options.machines)
    if options.json:
        machine = machine or this_machine(recipe.resources.num_cpus)
        needs = needs_as_json(recipe, machine)
        needs["benchmarks"] = benchmarks_as_json(recipe)
        needs["problems"] += source_problems(recipe)
        json.dump(needs, sys.stdout, indent=1, ensure_ascii=False)
        print()
        return RecipeError.exit_code if needs["problems"] else 0
    plan(recipe, machine).show(console)
    if options.pilot:
        from distilray.driver import pilot  # ray

        with TerminalView(console=console) as view:
            forecast = pilot(recipe, options.pilot, view)
        console.print(forecast_view(forecast, options.gpu_hour))
    return 0


def _machine(text: str | None) -> Available | None:
    """The machines that ``--machines`` names, or the cluster at RAY_ADDRESS; None: this machine."""
    if text:
        try:
            return parse_machines(text)
        except ValueError as error:
            raise UsageError(f"--machines: {error}") from error
    return _cluster() if os.environ.get("RAY_ADDRESS") else None


def _cluster() -> Available:
    from distilray.driver import available  # ray
    from distilray.runner import cluster  # ray

    with cluster(Resources()):
        return available()
