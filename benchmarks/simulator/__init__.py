"""Runs of any size under a virtual clock: the real sizing, admission and routing, with virtual engines."""
