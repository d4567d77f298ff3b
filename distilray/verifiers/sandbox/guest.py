"""What runs inside the confined process: the program, its calls or tests, and their results.

Three kinds of job: `script` (the program is a script between stdin and stdout), `calls` (its functions are called and
what they return goes out, to be judged outside, where the expected values are) and `asserts` (test code runs beside
the program, as HumanEval and MBPP define it; a token that only a finished test sends marks it passed).
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

from distilray.verifiers.sandbox import program, testing, trusted
from distilray.verifiers.sandbox.reporting import Teller, describe, encode, report

_COMMON = [
    "array",
    "ast",
    "bisect",
    "builtins",
    "calendar",
    "cmath",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "inspect",
    "io",
    "itertools",
    "json",
    "math",
    "operator",
    "queue",
    "random",
    "re",
    "statistics",
    "string",
    "textwrap",
    "threading",
    "time",
    "traceback",
    "types",
    "typing",
    "unittest",
]
_CALLS_RECURSE = 10_000  # as the harnesses of such tests allow


def preload() -> None:
    """Import once, in the launcher, what solutions usually import: each fork then shares it."""
    for name in _COMMON:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no fork writes to the pages that all of them share


def play(job: dict[str, Any], results: int) -> None:
    """Run the job, send its results as JSON lines to the descriptor `results`, and exit. Never returns."""
    sys.argv = [program.FILE]
    if job["form"] == "script":
        _play_script(job, results)
    code = 0
    try:
        {"calls": _calls, "asserts": _asserts}[job["form"]](job, results)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # the program's own error, whatever it is: its last line is the result
        code = 1
        report(results, {"error": describe(error)})
    os._exit(code & 0xFF)


def _play_script(job: dict[str, Any], results: int) -> None:
    status = 0
    try:
        _run(job["program"], "__main__")
    except BaseException as error:
        if not isinstance(error, SystemExit):
            report(results, {"error": describe(error)})
        status = program.exit_status(error)
        error.__traceback__ = None
    program.leave(status if program.finish() else 120)


def _run(source: str, name: str, setup: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run a program as the module `name`, after the code of `setup` that can run before it."""
    space = program.new_module(name, source)
    code = program.compiled(source)
    late = [one for one in setup if not _runs_alone(one, space)]
    program.limit_recursion(program.depth())
    exec(code, space)
    for one in late:
        exec(compile(one, "setup", "exec", dont_inherit=True), space)
    return space


def _runs_alone(code: str, space: dict[str, Any]) -> bool:
    try:
        exec(compile(code, "setup", "exec", dont_inherit=True), space)
    except NameError:
        return False  # it uses the program
    return True


def _calls(job: dict[str, Any], results: int) -> None:
    space = _run(job["program"], "solution")
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _CALLS_RECURSE))
    for position, call in job["calls"]:
        try:
            function = testing.entry_of(space, call["function"])
            value = function(*call["args"], **call["kwargs"])
            report(results, {"test": position, "value": encode(value)})
        except BaseException as error:
            report(results, {"test": position, "error": describe(error)})


def _asserts(job: dict[str, Any], results: int) -> None:
    if job["guarded"]:
        trusted.remember((*_COMMON, "os", "posixpath"))
    teller = Teller(results, job.pop("token"))
    try:
        space = _run(job.pop("program"), "solution", job["setup"])
    except ModuleNotFoundError as error:
        if _in_setup(error):
            teller.undecided(None, f"the tests need the module {error.name!r}")
            return
        raise
    path = space["__file__"]
    for number, given in enumerate(job["units"]):
        cases = [(position, kind, name) for position, place, kind, name in job["cases"] if place == number]
        if not cases and not given["prepares"]:
            continue  # decided before
        unit = testing.TestUnit(number, given, space, job["entry_point"])

        def tell(position: int, error: BaseException | None, unit: testing.TestUnit = unit) -> None:
            if error is None:
                teller.passed(position)
            elif reason := testing.not_to_blame(error, unit, path):
                teller.undecided(position, reason)
            else:
                teller.failed(position, testing.reason_of(error, unit))

        unit.run(cases, tell)


def _in_setup(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "setup":
            return True
        trace = trace.tb_next
    return False
