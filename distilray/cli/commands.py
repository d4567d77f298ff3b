"""The commands of ``distilray``: what each does, and its module, which is imported when the command is called.

A command's module has ``arguments(parser)`` and ``call(options) -> int``; its docstring is the text of ``--help``.
"""

from __future__ import annotations

import importlib
from types import ModuleType

COMMANDS = {
    "run": "run a recipe, or resume its run",
    "plan": "show what a recipe needs, and whether it fits",
    "try": "send a few rows through one step and show everything",
    "status": "show what a run has done so far",
    "rows": "show the rows of a step",
    "report": "write a run's report, one static HTML page",
    "labels": "let people label rows, and see how far they agree with a run",
    "chat": "talk to a student in the terminal",
    "serve": "serve a student with an OpenAI-compatible API",
    "cluster": "write and check manifests for Kubernetes clusters",
    "export": "export a run's kept rows with a card, or its student",
    "evaluate": "evaluate models on published benchmarks, or score recorded responses",
    "compare": "compare two evaluations: what changed, question by question",
    "verify": "score answers against references, without a model",
    "practice": "make the practice world's problems and train its tiny models",
    "doctor": "check whether this machine can run recipes",
}


def command_module(name: str) -> ModuleType:
    """The module of the command ``name``; ``try`` is a keyword, so its module is ``try_``."""
    return importlib.import_module(f"distilray.cli.{'try_' if name == 'try' else name}")
