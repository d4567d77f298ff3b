"""The commands of ``distilray``: one module each, with NAME, HELP, ``arguments(parser)`` and ``call(options) -> int``."""

from distilray.commands import (
    chat,
    doctor,
    export,
    plan,
    practice,
    rows,
    run,
    serve,
    status,
    try_,
    verify,
)

COMMANDS = (run, plan, try_, status, rows, chat, serve, export, verify, practice, doctor)

__all__ = ["COMMANDS"]
