"""Why an engine did not start: the first cause in its log, not the last process that heard of it.

An engine is several processes. The one at fault writes a traceback, and those that wait for it write theirs, which
only say that another failed: ``EngineDeadError: EngineCore encountered an issue. See stack trace (above) ...``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(
    r"^(?:\x1b\[[\d;]*m)*(?:(?P<process>\([A-Za-z][\w/.-]*(?: [\w=.,-]+)*\)) ?(?:\x1b\[[\d;]*m)* ?)?"
    r"(?:(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d [\d:.]+ (?P<place>\[[^\]]+\]) ?)?(?P<text>.*)$"
)
"""A line of vLLM's: ``(EngineCore pid=12) ERROR 11-27 10:10:28 [core.py:900] ValueError: ...``."""
_BEGIN = "Traceback (most recent call last):"
_RAISED = re.compile(r"^(?:\w+\.)*([A-Za-z_]\w*)(?:: (.*))?$")
_CAUSED = "The above exception was the direct cause of the following exception:"
_MEANWHILE = "During handling of the above exception, another exception occurred:"
_WRAPPER = re.compile(
    r"EngineDeadError|EngineGenerateError|RayTaskError|RayActorError|ChildFailedError|BrokenPipeError|EOFError"
    r"|engine core initialization failed|workerproc initialization failed|see (?:the )?(?:root cause|stack trace)"
    r"|EngineCore (?:failed|encountered)|core proc\(s\)|executor failed|KeyboardInterrupt|SystemExit|CancelledError",
    re.IGNORECASE,
)
"""What is raised because something went wrong in another process."""
ENDS = "distilray ends the engine, which hangs: "
"""How the line begins that an engine writes into its log when it ends because its core hangs."""
_NATIVE = re.compile(
    rf"^\s*what\(\):\s*(.+)|^(Fatal Python error: .+|Segmentation fault.*|terminate called .+|{ENDS}.+)"
)
_PEER = re.compile(
    r"connection (?:closed|reset|refused) by peer|connection refused|socket closed|broken pipe"
    r"|ncclRemoteError|ncclSystemError|DistBackendError|remote process exited",
    re.IGNORECASE,
)
"""What a process raises that worked together with one that ended."""
START = "distilray starts the engine "
"""How the line begins that an engine writes into its log when it starts; what it writes next is of this start."""
MOST_BYTES = 4 << 20
MOST_CHARACTERS = 500


@dataclass
class _Raised:
    """An exception at the end of a traceback."""

    name: str
    text: str
    line: int
    logged: str | None = None
    """The level with which it was logged; None: written to stderr."""
    follows: str = ""
    """How it follows from the one before it: ``_CAUSED``, ``_MEANWHILE`` or nothing."""
    more: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        text = " ".join(line.strip() for line in (self.text, *self.more) if line.strip())
        return f"{self.name}: {text}"[:MOST_CHARACTERS] if text else self.name


def root_cause(log: str) -> str | None:
    """The first exception in ``log`` that no other one caused, as ``"ValueError: ..."``; one that only says that
    another process is gone counts last. Else what a native library wrote when it ended the process, or the engine when
    it hung; None if there is neither."""
    processes: dict[str, list[tuple[int, re.Match[str]]]] = {}
    for number, line in enumerate(log.splitlines()):
        if (found := _LINE.match(line)) is not None:
            processes.setdefault(found["process"] or "", []).append((number, found))
    roots = [root for lines in processes.values() for chain in _chains(lines) if (root := _root(chain))]
    if roots:
        return min(roots, key=lambda raised: (is_of_peer(raised.shown), raised.line)).shown
    natives = [found for line in log.splitlines() if (found := _NATIVE.match(line))]
    said = [found[1] for found in natives if found[1]] or [found[2] for found in natives]
    return said[0][:MOST_CHARACTERS] if said else None


def explained(error: BaseException, log: Path | None, begins: int = 0) -> str:
    """Why an engine did not start that raised ``error`` and wrote ``log`` from the byte ``begins`` on: ``error`` itself
    and what it was raised from, unless that only says that another process failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    why = f"{type(error).__name__}: {text}"[:MOST_CHARACTERS] if text else type(error).__name__
    if log is None:
        return why
    if is_wrapper(why):
        why = root_cause(log_text(log, begins)) or why
    return f"{why} (log: {log})"


def message_of(line: str) -> str:
    """What a line of a log says, without the process, level, time and place that vLLM puts before it."""
    found = _LINE.match(line)
    return found["text"].strip() if found else ""


def is_wrapper(why: str) -> bool:
    """Whether an error only says that something went wrong in another process."""
    return bool(_WRAPPER.search(why))


def is_of_peer(why: str) -> bool:
    """Whether an error only says that a process is gone with which this one worked."""
    return bool(_PEER.search(why))


def cause_of_death(log: Path, begins: int = 0) -> str | None:
    """Why an engine ended that wrote ``log`` from the byte ``begins`` on: the first cause since it last started. None
    where its log does not tell, be it that it is on another machine or that the process was killed."""
    try:
        with log.open("rb") as file:
            file.seek(max(begins, file.seek(0, os.SEEK_END) - MOST_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    return root_cause(text.rpartition(START)[2])


def size_of(log: Path) -> int:
    """Bytes of ``log``; 0 if there is none here."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def log_text(log: Path, begins: int = 0) -> str:
    """The beginning of what was written to ``log`` from the byte ``begins`` on."""
    try:
        with log.open("rb") as file:
            file.seek(begins)
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:  # on another machine
        return ""


def _root(chain: list[_Raised]) -> _Raised | None:
    """Of exceptions that followed from one another: the first, unless it was being handled when another came up."""
    if chain[0].logged in ("DEBUG", "INFO", "WARNING"):
        return None  # whoever logged it went on without
    good = [raised for raised in chain if not is_wrapper(raised.shown)]
    handled = [raised for raised in good if raised.follows == _MEANWHILE]
    return (handled[-1:] or good[:1] or [None])[0]


def _chains(lines: list[tuple[int, re.Match[str]]]) -> Iterator[list[_Raised]]:
    """The tracebacks that one process wrote, those together that followed from one another."""
    chain: list[_Raised] = []
    inside, ignored, follows = False, False, ""
    last: re.Match[str] | None = None
    for number, line in lines:
        text = line["text"]
        if text.startswith("Exception ignored in"):
            ignored = True
        elif text == _BEGIN:
            if chain and not follows:
                yield chain
                chain = []
            inside, ignored, last = not ignored, False, None
        elif text in (_CAUSED, _MEANWHILE):
            follows = text
        elif inside and text[:1].strip():
            inside = False
            if found := _RAISED.match(text):
                chain.append(_Raised(found[1], found[2] or "", number, line["level"], follows))
                last = line
            follows = ""
        elif last is not None and line["place"] and (line["level"], line["place"]) == (last["level"], last["place"]):
            chain[-1].more.append(text)  # a message of several lines
        elif text:
            last = None
    if chain:
        yield chain
