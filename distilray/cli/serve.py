"""Serve a student on Ray Serve, OpenAI-compatible.

distilray serve runs/quickstart --port 8000
"""

from __future__ import annotations

import argparse

NAME, HELP = "serve", "serve a student, OpenAI-compatible"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="run directory, checkpoint directory or package://...")
    parser.add_argument("--port", type=int, default=8000, help="default 8000")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1: this machine alone")
    parser.add_argument("--before", action="store_true", help="the student before training too, as student-before")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="engines of each (default 1)")


def call(options: argparse.Namespace) -> int:
    from distilray.serve import serve

    return serve(options.target, port=options.port, host=options.host, before=options.before, replicas=options.replicas)
