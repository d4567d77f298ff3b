"""Preference optimisation: the student learns to prefer the chosen answer over the rejected one."""

from distilray.train.dpo.kind import DPO
from distilray.train.dpo.settings import DPOSettings

__all__ = ["DPO", "DPOSettings"]
