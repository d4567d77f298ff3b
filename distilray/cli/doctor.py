"""One screen: what this machine can do, and what to change."""

from __future__ import annotations

import argparse

NAME, HELP = "doctor", "what this machine can do, and what to change"


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def call(options: argparse.Namespace) -> int:
    from distilray.cli.checkup import doctor

    return doctor()
