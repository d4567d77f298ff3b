"""Talk to a student in the terminal.

distilray chat runs/quickstart
distilray chat runs/quickstart --before-after
"""

from __future__ import annotations

import argparse

NAME, HELP = "chat", "talk to a student in the terminal"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="run directory, checkpoint, or the URL of a server")
    parser.add_argument("--before-after", action="store_true", help="the student before training beside it")
    parser.add_argument("--once", metavar="QUESTION", help="ask this one question and leave")


def call(options: argparse.Namespace) -> int:
    from distilray.serve.chat import chat

    return chat(options.target, before_after=options.before_after, once=options.once)
