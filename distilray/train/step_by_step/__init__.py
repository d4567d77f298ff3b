"""Distilling step-by-step: the student learns the answer, and beside it the reasoning, as a task of its own."""

from distilray.train.step_by_step.kind import StepByStep
from distilray.train.step_by_step.settings import StepByStepSettings

__all__ = ["StepByStep", "StepByStepSettings"]
