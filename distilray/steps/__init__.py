"""Steps: one file a step, its settings and what it does to one row."""

from distilray.steps.base import ClassifierName, Model, ModelChoice, ModelName, Models, Step
from distilray.steps.lessons import Lesson
from distilray.steps.registry import STEPS, StepClass, imported, step_class
from distilray.steps.whole_set import GlobalStep

__all__ = [
    "STEPS",
    "ClassifierName",
    "GlobalStep",
    "Lesson",
    "Model",
    "ModelChoice",
    "ModelName",
    "Models",
    "Step",
    "StepClass",
    "imported",
    "step_class",
]
