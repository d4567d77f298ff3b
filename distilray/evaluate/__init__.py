"""Evaluation: benchmarks answered through engine pools, accuracy with its standard error and mean output tokens."""

from distilray.evaluate.examine import Examine
from distilray.evaluate.results import Result, measured, read_results
from distilray.evaluate.settings import STUDENT_AFTER, STUDENT_BEFORE, Benchmark

__all__ = ["STUDENT_AFTER", "STUDENT_BEFORE", "Benchmark", "Examine", "Result", "measured", "read_results"]
