"""Judges: models that say which of two answers is better, or how good one is; strict, swapped, counted and cached."""
