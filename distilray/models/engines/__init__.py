"""Engines: one file for each kind of model, each answering requests through one interface."""
