"""Checks of a recipe that are possible before anything starts; each yields problems."""
