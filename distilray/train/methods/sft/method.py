"""Supervised fine-tuning: rows become conversations, and the loss is that of the assistant's tokens."""

from __future__ import annotations

from typing import ClassVar

from distilray.train.methods.sft.settings import SFTSettings
from distilray.train.methods.shared.method import AnswerMethod


class SFT(AnswerMethod):
    settings: ClassVar = SFTSettings
    description: ClassVar = "supervised fine-tuning"
