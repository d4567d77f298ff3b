"""Recipes: the YAML that users write, read once and understood, and the plan that it comes to."""

from distilray.recipe.check import column_problems
from distilray.recipe.errors import Place, Problem, RecipeError
from distilray.recipe.examinations import examination, side_by_side
from distilray.recipe.load import Loaded, load, parse
from distilray.recipe.machine import engine_gib, this_machine, weights_gib
from distilray.recipe.plan import Available, Plan, all_columns, needs, plan
from distilray.recipe.schema import Recipe
from distilray.recipe.steps import RepeatEntry, StepEntry
from distilray.recipe.trainings import TrainEntry

__all__ = [
    "Available",
    "Loaded",
    "Place",
    "Plan",
    "Problem",
    "Recipe",
    "RecipeError",
    "RepeatEntry",
    "StepEntry",
    "TrainEntry",
    "all_columns",
    "column_problems",
    "engine_gib",
    "examination",
    "load",
    "needs",
    "parse",
    "plan",
    "side_by_side",
    "this_machine",
    "weights_gib",
]
