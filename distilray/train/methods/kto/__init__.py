"""Preference optimisation on single answers, each called good or bad (KTO)."""
