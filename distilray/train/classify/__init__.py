"""Classification: an encoder learns to give rows the labels that a judge wrote into one of their columns."""

from distilray.train.classify.kind import Classification
from distilray.train.classify.settings import ClassifySettings

__all__ = ["Classification", "ClassifySettings"]
