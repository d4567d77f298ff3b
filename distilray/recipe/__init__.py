"""Recipes: the YAML that users write, read once and understood, and the plan that it comes to."""

from distilray.recipe.check import column_problems
from distilray.recipe.errors import Place, Problem, RecipeError
from distilray.recipe.examinations import examination, side_by_side
from distilray.recipe.load import Loaded, load, parse
from distilray.recipe.machine import engine_gib, gpu_gib_of, parse_machines, this_machine, weights_gib
from distilray.recipe.plan import Available, Plan, all_columns, needs, plan
from distilray.recipe.schema import Recipe
from distilray.recipe.steps import RepeatEntry, StepEntry
from distilray.recipe.train_plan import TrainingNeed, training_needs
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
    "TrainingNeed",
    "all_columns",
    "column_problems",
    "engine_gib",
    "examination",
    "gpu_gib_of",
    "load",
    "needs",
    "parse",
    "parse_machines",
    "plan",
    "side_by_side",
    "this_machine",
    "training_needs",
    "weights_gib",
]
