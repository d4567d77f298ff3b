"""The command line: ``distilray run``, ``plan``, ``try``, ``status``, ``rows``, ``chat``, ``serve`` and more.

Each command parses its arguments, calls the library, and turns exceptions into one screen of text and an exit code
(see :mod:`distilray.errors`).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from distilray import __version__
from distilray.cli.commands import COMMANDS, command_module
from distilray.cli.exit_codes import exit_code


class CommandParser(argparse.ArgumentParser):
    """Parser of one command, whose module is imported when its arguments are parsed, and no other command's."""

    command: str | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.command is not None:
            module = command_module(self.command)
            self.description = module.__doc__
            module.arguments(self)
            self.set_defaults(call=module.call)
        return super().parse_known_args(args, namespace)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="distilray", description="Distil a large language model into a small one, at scale, on Ray."
    )
    top.add_argument("--version", action="version", version=f"distilray {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=CommandParser)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        sub.command = name
    return top


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ``key=value`` may come before and after options, which argparse alone does not accept."""
    top = parser()
    options, rest = top.parse_known_args(argv)
    if rest:
        unknown = [word for word in rest if word.startswith("-") or "=" not in word]
        if unknown or not hasattr(options, "overrides"):
            top.error(f"unrecognized arguments: {' '.join(unknown or rest)}")
        options.overrides = [*options.overrides, *rest]
    options.command = shlex.join(["distilray", *(sys.argv[1:] if argv is None else argv)])
    return options


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    if "" not in sys.path and os.getcwd() not in sys.path:
        # `uses: my_steps:MyStep` in a recipe means the my_steps.py here, as with `python -m`; Ray tells its workers.
        sys.path.insert(0, os.getcwd())
    try:
        return options.call(options)
    except (Exception, KeyboardInterrupt) as error:
        code, text = exit_code(error)
        if code is None:
            raise
        print(text, file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main())
