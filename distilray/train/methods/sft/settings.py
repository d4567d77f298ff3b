"""The settings of supervised fine-tuning: those of all methods on answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distilray.train.methods.shared.settings import AnswerSettings
from distilray.train.settings import NAME


class SFTSettings(AnswerSettings):
    """Supervised fine-tuning: the student learns to write the rows' answers."""

    kind: Literal["sft"] = Field(default="sft", description="supervised fine-tuning")
    name: str = Field(default="sft", pattern=NAME, description="folder below training/")

    @property
    def whole_rows(self) -> str | None:
        return "packing" if self.packing else None
