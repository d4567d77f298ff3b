"""Show what a recipe comes to: phases, what is resident when, what it needs and what there is.

distilray plan recipe.yaml
distilray plan recipe.yaml --pilot 200
distilray plan recipe.yaml --machines 2x8x80
"""

from __future__ import annotations

import argparse
import os

from distilray.cli.exit_codes import UsageError

NAME, HELP = "plan", "what a recipe comes to, and whether it fits"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path or URI of the recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dotted keys of the recipe to set")
    parser.add_argument("--machines", metavar="8x80", help="plan for these: GPUs x GiB, or nodes x GPUs x GiB")
    parser.add_argument("--pilot", type=int, metavar="N", help="run N rows and predict time, tokens and cost")
    parser.add_argument("--gpu-hour", type=float, metavar="PRICE", help="what an hour of one GPU costs, for the pilot")


def call(options: argparse.Namespace) -> int:
    from distilray.planning import parse_machines, plan, this_machine
    from distilray.recipe import load
    from distilray.report import forecast_view, plan_view, stdout

    console = stdout()
    loaded = load(options.recipe, options.overrides)
    if options.machines:
        try:
            machine = parse_machines(options.machines)
        except ValueError as error:
            raise UsageError(f"--machines: {error}") from error
    else:
        machine = _cluster() if os.environ.get("RAY_ADDRESS") else this_machine(loaded.recipe.resources.num_cpus)
    from distilray.driver import count_rows

    rows = count_rows(loaded)
    console.print(plan_view(loaded, plan(loaded, "plan", machine), machine, rows))
    if options.pilot:
        from distilray.driver import pilot
        from distilray.report import TerminalView

        with TerminalView(console=console) as view:
            forecast = pilot(options.recipe, options.overrides, loaded, options.pilot, view)
        console.print(forecast_view(forecast, options.gpu_hour))
    return 0


def _cluster():
    from distilray.driver import available
    from distilray.runner import Resources, cluster

    with cluster(Resources()):
        return available()
