"""Steps: one file a step, its settings and what it does to one row."""

from distilray.steps.base import Model, ModelChoice, ModelName, Models, Step

__all__ = ["Model", "ModelChoice", "ModelName", "Models", "Step"]
