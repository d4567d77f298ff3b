"""Types of arguments that several commands take."""

from __future__ import annotations

import argparse


def row_count(text: str) -> int:
    """A number of rows, at least one."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number of rows")
    return value
