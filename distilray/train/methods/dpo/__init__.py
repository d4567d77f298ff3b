"""Preference optimisation on pairs, with a beta for each row (CogPO) if wanted."""
