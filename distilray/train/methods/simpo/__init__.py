"""Preference optimisation without a reference (SimPO)."""
