"""The commands of ``distilray``, a module each: NAME, HELP, ``arguments(parser)``, ``call(options) -> int``."""

from distilray.cli import chat, doctor, export, plan, practice, report, rows, run, serve, status, try_, verify

COMMANDS = (run, plan, try_, status, rows, report, chat, serve, export, verify, practice, doctor)
