"""Supervised fine-tuning: the student learns to write what the rows answer."""

from distilray.train.sft.kind import SFT, render_answer
from distilray.train.sft.settings import LearnSettings, SFTSettings

__all__ = ["SFT", "LearnSettings", "SFTSettings", "render_answer"]
