"""Recorded responses: what other programs had models answer, read in the forms in which they publish it."""
