"""Talk to a student in the terminal.

distilray chat runs/quickstart
distilray chat runs/quickstart --before-after
"""

from __future__ import annotations

import argparse

from distilray.serve import chat


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="run directory, checkpoint, or the URL of a server")
    parser.add_argument("--before-after", action="store_true", help="also ask the student as it was before training")
    parser.add_argument("--once", metavar="QUESTION", help="ask this one question and exit")
    parser.add_argument("--port", type=int, default=8000, help="where the run may be served already (default 8000)")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 (default) takes the likeliest token")
    parser.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="longest reply (default 1024)")


def call(options: argparse.Namespace) -> int:
    return chat(
        options.target,
        before_after=options.before_after,
        once=options.once,
        port=options.port,
        temperature=options.temperature,
        max_tokens=options.max_tokens,
    )
