"""A training method of a user's own, named in a recipe by ``uses``; for tests of recipes and trainings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from distilray.train import SFT, SFTSettings


class GentleSettings(SFTSettings):
    """Supervised fine-tuning with a setting of its own."""

    name: str = Field(default="gentle", description="folder below training/")
    patience_with_it: int = Field(default=3, description="a setting that only this method has")


class Gentle(SFT):
    settings: ClassVar = GentleSettings
    description: ClassVar = "gentle fine-tuning"


class NotAMethod:
    """Named by mistake."""
