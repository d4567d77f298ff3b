"""The process in which checks run: reads a request, decides, answers, one after another, until its parent exits.

Started by pool.py in a fresh interpreter. Messages are four bytes of length and pickle, both ways
over one socket pair between a process and its own child.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import signal
import socket
import sys
from typing import Any

from distilray.verifiers.messages import LENGTH
from distilray.verifiers.registry import verifier_of, verify_now
from distilray.verifiers.sandbox.syscalls import die_with_parent
from distilray.verifiers.verdict import Verdict, undecided

RETIRE_MB = 1500  # a worker that has grown beyond this reports it, and the pool replaces it between two checks
_MEMORY_MB = 8192
_LOOK_EVERY = 256


class Late(BaseException):
    """The soft deadline: no `except Exception` in a library on the way may swallow it."""


def main(descriptor: int) -> None:
    die_with_parent()
    if os.getppid() == 1:
        return  # the parent exited before we could ask to follow it
    os.environ.setdefault("PYTHONHASHSEED", "0")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MB << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    signal.signal(signal.SIGALRM, _late)
    link = socket.socket(fileno=descriptor)
    reader = link.makefile("rb")
    done = 0
    while head := reader.read(LENGTH.size):
        kind, answer, reference, settings, soft_s, path = pickle.loads(reader.read(LENGTH.unpack(head)[0]))
        sys.path += [folder for folder in path if folder not in sys.path]
        verdict = _decide(kind, answer, reference, settings, soft_s)
        done += 1
        body = pickle.dumps((verdict, done % _LOOK_EVERY == 0 and _grown()), pickle.HIGHEST_PROTOCOL)
        link.sendall(LENGTH.pack(len(body)) + body)


def _decide(kind: str, answer: str, reference: Any, settings: dict[str, Any], soft_s: float) -> Verdict:
    try:
        verifier = verifier_of(kind)
        if verifier.load:
            verifier.load(reference)
        signal.setitimer(signal.ITIMER_REAL, 0 if verifier.deadline_s else soft_s)
        try:
            return verify_now(kind, answer, reference, **settings)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Late:
        return undecided(f"no verdict within {soft_s:g} s")
    except MemoryError:
        gc.collect()
        return undecided("the check needs more memory than a verifier has")
    except Exception as error:  # a parser's crash on strange input is this row's outcome, not the pool's end
        return undecided(f"the verifier failed: {type(error).__name__}: {error}"[:300])


def _late(number: int, frame: object) -> None:
    raise Late


def _grown() -> bool:
    with open("/proc/self/statm", encoding="ascii") as handle:
        pages = int(handle.read().split()[1])
    return pages * resource.getpagesize() > RETIRE_MB << 20
