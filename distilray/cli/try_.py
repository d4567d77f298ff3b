"""Pass a few rows through a step and show each rendered prompt, raw reply and outcome.

distilray try recipe.yaml judge --rows 3
"""

from __future__ import annotations

import argparse

from distilray.cli.argtypes import row_count
from distilray.recipe import load_recipe
from distilray.report import show_preview, stdout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path or URI of the recipe")
    parser.add_argument("step", help="the step to try; the steps before it run too, without output")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dotted keys of the recipe to set")
    parser.add_argument(
        "--rows",
        type=row_count,
        default=5,
        metavar="N",
        help="rows that come as far as the step (default 5); ten times as many are tried at most",
    )


def call(options: argparse.Namespace) -> int:
    from distilray.driver import preview  # ray

    recipe = load_recipe(options.recipe, options.overrides)
    show_preview(preview(recipe, options.step, options.rows), options.step, stdout())
    return 0
