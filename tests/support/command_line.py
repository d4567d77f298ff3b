"""The command line in this process, its output and exit code; for tests of commands."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from distilray.cli import main


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def distilray(*words: str) -> Ended:
    """``distilray WORDS``; also where the parser itself ends the process, as it does for wrong arguments."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())
