"""The practice world: generated problems whose truth is known, and the tiny models that play its roles.

What a recipe uses by name (``uses: distilray.practice:problems``) needs no torch; training and measuring
import it when they are called.
"""

from distilray.practice.command import make, measure, train
from distilray.practice.problems import Problem, problems, split_of
from distilray.practice.traces import Trace, traces

__all__ = ["Problem", "Trace", "make", "measure", "problems", "split_of", "traces", "train"]
