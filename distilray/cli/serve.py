"""Serve a student on Ray Serve with an OpenAI-compatible API.

distilray serve runs/quickstart --port 8000
"""

from __future__ import annotations

import argparse

from distilray.serve import serve


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="run directory, checkpoint directory or package://...")
    parser.add_argument("--port", type=int, default=8000, help="default 8000")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1, reachable from this machine only")
    parser.add_argument("--before", action="store_true", help="also serve the student before training (student-before)")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="engines for each student (default 1)")


def call(options: argparse.Namespace) -> int:
    return serve(options.target, port=options.port, host=options.host, before=options.before, replicas=options.replicas)
