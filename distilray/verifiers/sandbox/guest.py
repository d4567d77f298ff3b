"""What runs inside the confined process: the program, its calls or assertions, and their results.

Three kinds of job: `script` (the program is a script between stdin and stdout), `calls` (its functions are called and
what they return goes out, to be judged outside, where the expected values are) and `asserts` (test code runs in the
program's own namespace, as HumanEval and MBPP define it; a token that only a finished test sends marks it passed).
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from typing import Any

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
_LONGEST_ERROR = 300


def preload() -> None:
    """Import once, in the launcher, what solutions usually import: each fork then shares it."""
    for name in _COMMON:
        importlib.import_module(name)


def play(job: dict[str, Any], results: int) -> None:
    """Run the job, send its results as JSON lines to the descriptor `results`, and exit. Never returns."""
    sys.set_int_max_str_digits(0)
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8", errors="replace")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", errors="replace")
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", errors="replace")
    sys.argv = ["solution.py"]
    code = 0
    try:
        {"script": _script, "calls": _calls, "asserts": _asserts}[job["form"]](job, results)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # the program's own error, whatever it is: its last line is the result
        code = 1
        _report(results, {"error": _describe(error)})
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            code = code or 1  # the program closed or replaced its stream; what it had written is lost
    os._exit(code & 0xFF)


def _script(job: dict[str, Any], results: int) -> None:
    exec(compile(job["program"], "solution.py", "exec"), _namespace("__main__"))


def _calls(job: dict[str, Any], results: int) -> None:
    namespace = _namespace("solution")
    exec(compile(job["program"], "solution.py", "exec"), namespace)
    for position, call in job["calls"]:
        try:
            function = _find(namespace, call["function"])
            value = function(*call["args"], **call["kwargs"])
            _report(results, {"test": position, "value": _encode(value)})
        except BaseException as error:
            _report(results, {"test": position, "error": _describe(error)})


def _asserts(job: dict[str, Any], results: int) -> None:
    token, program = job.pop("token"), job.pop("program")
    namespace = _namespace("__main__" if job.get("as_main") else "solution")
    exec(compile(program, "solution.py", "exec"), namespace)
    for position, test in job["asserts"]:
        try:
            exec(compile(test, f"test {position}", "exec"), namespace)
            _report(results, {"test": position, "passed": token})
        except BaseException as error:
            _report(results, {"test": position, "error": _describe(error)})


def _namespace(name: str) -> dict[str, Any]:
    """A module of its own, known to sys.modules as dataclasses and pickle expect."""
    module = type(sys)(name)
    sys.modules[name] = module
    return module.__dict__


def _find(namespace: dict[str, Any], name: str) -> Any:
    """`solve`, `Solution.solve`, or `solve` on the class Solution where the module has no such function."""
    if "." in name:
        owner, method = name.split(".", 1)
        return getattr(namespace[owner](), method)
    if name not in namespace and "Solution" in namespace:
        return getattr(namespace["Solution"](), name)
    if name not in namespace:
        raise NameError(f"the program does not define {name!r}")
    return namespace[name]


def _encode(value: Any) -> Any:
    """`value` as JSON that keeps tuples, sets and dictionaries with any keys apart."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (list, tuple)):
        encoded = [_encode(item) for item in value]
        return encoded if isinstance(value, list) else {"tuple": encoded}
    if isinstance(value, (set, frozenset)):
        return {"set": [_encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(key), _encode(item)] for key, item in value.items()]}
    if hasattr(value, "tolist"):
        return _encode(value.tolist())  # numpy scalars and arrays
    if hasattr(value, "__iter__"):
        return [_encode(item) for item in value]
    return {"repr": repr(value)}


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]


def _report(results: int, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(results, data) :]
