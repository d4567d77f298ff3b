"""A program in this process, as `python solution.py < input` runs it: its module, its streams, its limits, its end.

What plain Python does at each of these points is followed (CPython: Python/pylifecycle.c, Modules/main.c), since the
process is a fork of the launcher and has neither started nor will end in the usual way.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import importlib.machinery
import linecache
import os
import signal
import sys
import threading
from types import CodeType, TracebackType
from typing import Any

FILE = "solution.py"
_SELF = ("__file__", FILE, "argv")
_MOST = 2**31 - 1
_EXEC_COUNTS = sys.version_info < (3, 12)  # calls of C functions, `exec` among them, counted as recursion until then


def compiled(program: str) -> CodeType:
    """`program` with its own future imports only, from bytes as from a file (byte-order mark, coding line)."""
    source = program.encode("utf-8", "surrogatepass")
    return compile(source, _path(), "exec", dont_inherit=True, optimize=0)


def new_module(name: str, program: str) -> dict[str, Any]:
    """The namespace of a module called `name`, known to sys.modules as dataclasses and pickle expect, whose source
    tracebacks and `inspect` find. A program that mentions its file finds it in the working directory."""
    path = _path()
    module = type(sys)(name)
    sys.modules[name] = module
    space = module.__dict__
    loader = importlib.machinery.SourceFileLoader(name, path)
    space.update(__builtins__=builtins, __file__=path, __loader__=loader, __cached__=None, __annotations__={})
    sys.path.insert(0, os.path.dirname(path))
    linecache.cache[path] = (len(program), None, program.splitlines(keepends=True), path)
    if any(word in program for word in _SELF):
        with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as handle:
            handle.write(program)
    return space


def _path() -> str:
    return os.path.join(os.getcwd(), FILE)


def limit_recursion(below: int) -> None:
    """Let the program recurse as deep as plain Python would, `below` being the frames of ours under its module."""
    below += _EXEC_COUNTS
    set_limit, told = sys.setrecursionlimit, sys.getrecursionlimit()

    def setrecursionlimit(limit: int, /) -> None:
        nonlocal told
        set_limit(min(limit + below, _MOST) if type(limit) is int and 0 < limit <= _MOST else limit)
        told = limit

    def getrecursionlimit() -> int:
        return told

    set_limit(told + below)
    sys.setrecursionlimit, sys.getrecursionlimit = setrecursionlimit, getrecursionlimit


def depth() -> int:
    """How many frames the caller stands on, itself included."""
    frame, count = sys._getframe(1), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1  # type: ignore[assignment]
    return count


def exit_status(error: BaseException) -> int:
    """What plain Python makes of an uncaught exception: its traceback on stderr, and the process's exit status."""
    if isinstance(error, SystemExit):
        return _asked_status(error.code)
    _show(error)
    return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _asked_status(code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**63) <= code < 2**63 else 0xFF
    try:
        print(code, file=sys.stderr)
    except Exception:  # no stderr to print it to: plain Python is silent as well
        return 1
    return 1


def _show(error: BaseException) -> None:
    try:
        sys.excepthook(type(error), error.with_traceback(_own(error.__traceback__)), error.__traceback__)
    except BaseException:
        sys.__excepthook__(type(error), error, error.__traceback__)


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the program."""
    path = _path()
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return trace


def finish() -> bool:
    """What Python does when a program has ended: wait for its threads, call its exit functions, destroy its objects,
    write out what is buffered. False if that could not be written."""
    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            step()
        except BaseException as error:
            _show(error)
    written = _flush(sys.stdout, sys.stderr)
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    sys.modules.pop("__main__", None)
    gc.collect()
    return _flush(sys.stdout, sys.stderr) and written


def _flush(*streams: Any) -> bool:
    done = True
    for stream in streams:
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException:
            done = False
    return done


def leave(status: int) -> None:
    """End the process with an exit status, or with the signal of a negative one."""
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
