"""Words of the command line that several commands take."""

from __future__ import annotations

import argparse


def row_count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number of rows")
    return value
