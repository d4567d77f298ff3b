"""Runs stages one after another within a budget of time, each in a process of its own, whatever becomes of the others.

A stage ends in one of these ways: ``passed``; ``wrong``, with findings; ``failed``, ``out of memory``, ``out of time``,
with what it had found until then; ``not begun``, where the time left was too short.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.stage import Stage
from benchmarks.record import ROOT

LEAST_S = 15
"""A stage is not begun with less time than this or half of its limit."""
TAIL = 2000
"""Characters of its log that a stage which went wrong leaves in the results."""


@dataclass
class _Process:
    """The process of a stage, and what it has written so far."""

    stage: Stage
    popen: subprocess.Popen[str]
    lines: int
    """File descriptor that it writes to."""
    log: Path
    found: dict[str, Any] = field(default_factory=lambda: {"parts": [], "findings": []})
    rest: bytes = b""
    ended: bool = False

    def read(self, until: float) -> bool:
        """Reads what it writes, up to the time ``until``; whether anything came."""
        ready, _, _ = select.select([self.lines], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        block = os.read(self.lines, 1 << 16)
        self.ended = not block
        *whole, self.rest = (self.rest + block).split(b"\n")
        for line in whole:
            self._take(json.loads(line))
        return True

    def _take(self, said: dict[str, Any]) -> None:
        if "part" in said:
            self.found["parts"].append(said)
        elif "finding" in said:
            self.found["findings"].append(said["finding"])
        else:
            self.found |= said

    def close(self) -> None:
        """Ends it with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        os.close(self.lines)
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        self.log.unlink()


def run(
    stages: Sequence[Stage], *, rehearsed: bool, seconds: float, reserve: float, without: str = ""
) -> Iterator[dict[str, Any]]:
    """What became of each stage, as soon as it is known; all within ``seconds``, of which ``reserve`` are kept.
    ``without``: packages that stages must do without, separated by commas."""
    end = time.monotonic() + seconds - reserve
    processes: list[_Process] = []
    try:
        for place, stage in enumerate(stages):
            process = processes.pop() if processes else _start(stage, rehearsed, without)
            processes.append(process)
            began = time.monotonic()
            while "ready" not in process.found and not process.ended and process.read(end):
                pass
            imported = time.monotonic() - began
            if place + 1 < len(stages):
                processes.insert(0, _start(stages[place + 1], rehearsed, without))
            yield {**_turn(process, end), "waited_for_imports": round(imported, 2)}
            processes.pop().close()
    finally:
        for process in processes:
            process.close()


def _turn(process: _Process, end: float) -> dict[str, Any]:
    """What became of a stage that was given its turn, or why it was not."""
    stage, found, left = process.stage, process.found, end - time.monotonic()
    limit = min(stage.limit_s, left)
    if not process.ended and limit < min(stage.limit_s, max(LEAST_S, stage.limit_s / 2)):
        why = f"{max(0.0, left):.0f} s are left, it may take {stage.limit_s:g}"
        return {"stage": stage.name, "outcome": "not begun", "why": why}
    took = _let_run(process, limit)
    outcome = _outcome(process, limit)
    if outcome not in ("passed", "wrong"):
        found["log"] = process.log.read_text("utf-8", "replace")[-TAIL:]
    figures = {key: value for key, value in found.items() if key != "ready" and value != []}
    return {"stage": stage.name, "outcome": outcome, "settles": stage.settles, "seconds": round(took, 2), **figures}


def _let_run(process: _Process, limit: float) -> float:
    """Gives it its turn; returns the seconds that it took."""
    began = time.monotonic()
    if not process.ended and process.popen.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.popen.stdin.write("go\n")
            process.popen.stdin.flush()
    while not process.ended and process.read(began + limit):
        pass
    return time.monotonic() - began


def _outcome(process: _Process, limit: float) -> str:
    found = process.found
    if not process.ended:
        found["limit_s"] = round(limit, 1)
        return "out of time"
    if "out_of_memory" in found:
        return "out of memory"
    code = process.popen.wait()
    if "failed" in found or code:
        killed = f"killed by signal {-code}; 9 is also what a host without memory sends" if code < 0 else None
        found.setdefault("failed", killed or f"exit code {code}")
        return "failed"
    return "wrong" if found["findings"] else "passed"


def _start(stage: Stage, rehearsed: bool, without: str) -> _Process:
    mine, its = os.pipe()
    log = tempfile.NamedTemporaryFile(prefix="gpu-check-", suffix=".log", delete=False)  # noqa: SIM115
    command = [sys.executable, "-m", "benchmarks.gpu.child", str(its), str(rehearsed), stage.function]
    command += [json.dumps(dict(stage.arguments)), without]
    with log:
        popen = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **stage.environment}, stdin=subprocess.PIPE, stdout=log,
            stderr=subprocess.STDOUT, text=True, pass_fds=(its,), start_new_session=True,
        )  # fmt: skip
    os.close(its)
    return _Process(stage, popen, mine, Path(log.name))
