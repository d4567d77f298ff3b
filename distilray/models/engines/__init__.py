"""Engines: one file a kind of model, each answering requests behind one interface."""
