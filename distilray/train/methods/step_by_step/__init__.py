"""Distilling step-by-step: an answer and a rationale from each row."""
