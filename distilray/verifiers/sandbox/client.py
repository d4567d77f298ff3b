"""The outer side: starts a launcher, hands it jobs, and ends every run that reaches a limit.

Synchronous, one run at a time: it lives in a verifier worker, never on an event loop.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilray.errors import DistilrayError
from distilray.verifiers.sandbox import confine, watch
from distilray.verifiers.sandbox.limits import Limits
from distilray.verifiers.sandbox.wire import receive, send

_LOOK_EVERY_S = 0.05
_START_S = 60.0
NAMESPACES = "namespaces"
_TREE = Path(__file__).resolve().parents[3]
_STREAMS = ("stdout", "stderr", "results")


class SandboxError(DistilrayError, RuntimeError):
    """The sandbox itself failed; the program was not judged."""


@dataclass
class RunResult:
    """How one run ended. `ended` is "exit", "signal", or the limit it reached: "time", "memory", "disk", "output"."""

    ended: str
    code: int  # exit status; 128 + n for signal n
    stdout: str
    stderr: str
    results: list[dict[str, Any]]  # what guest.py reported, in order
    wall_s: float


@dataclass
class _Run:
    pid: int
    box: str | None
    started: float
    limits: Limits
    streams: dict[str, bytearray] = field(default_factory=lambda: {name: bytearray() for name in _STREAMS})
    ended: str = ""
    status: int | None = None
    progress: float = 0.0


class Sandbox:
    """Runs programs one after another, each confined and thrown away (see confine.py for how).

    `without` leaves protections out ("namespaces", "landlock", "seccomp"), so that tests can try the others alone.
    """

    def __init__(self, without: tuple[str, ...] = ()):
        self._without = without
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._folder = ""
        self._broken = False  # the launcher went down with a run: the next run gets a new one
        self.layers: dict[str, Any] = {}

    def run(self, job: dict[str, Any], stdin: str = "", limits: Limits | None = None) -> RunResult:
        """Run `job` (its forms are described in guest.py) with `stdin`; wall_s is per reported result and per run."""
        limits = limits or Limits()
        link = self._ready_link()
        box = None if self.layers["namespaces"] else self._make_box()
        readers = {name: os.pipe() for name in _STREAMS}
        given = _memory_file(stdin)
        outward = (given, *(writer for _, writer in readers.values()))
        started = time.monotonic()
        try:
            send(link, {**job, "limits": limits.as_dict(), "box": box}, outward)
            for descriptor in outward:
                os.close(descriptor)
            answer, _ = receive(link)
            if answer is None:
                self._broken = True
                raise SandboxError("the sandbox's launcher ended before it started a program")
            run = _Run(answer["pid"], box, started, limits, progress=started)
            self._follow(run, link, {name: reader for name, (reader, _) in readers.items()})
        finally:
            for reader, _ in readers.values():
                os.close(reader)
            if box is not None:
                shutil.rmtree(box, ignore_errors=True)
        if self._broken:
            self.close()
        return _result(run)

    def close(self) -> None:
        """End the launcher and with it everything it started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()
            self._process = None
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def _ready_link(self) -> socket.socket:
        if self._link is not None and self._process is not None and self._process.poll() is None and not self._broken:
            return self._link
        self.close()
        self._broken = False
        try:
            return self._start(self._without)
        except SandboxError as error:
            # Some machines let a process create a user namespace and then refuse everything that makes one useful.
            if NAMESPACES in self._without:
                raise
            self.close()
            self._without = (*self._without, NAMESPACES)
            link = self._start(self._without)
            self.layers["why"][NAMESPACES] = f"namespaces did not work ({error})"
            return link

    def _start(self, without: tuple[str, ...]) -> socket.socket:
        self._folder = tempfile.mkdtemp(prefix="distilray-sandbox-")
        os.chmod(self._folder, 0o711)
        ours, theirs = socket.socketpair()
        # From this very tree, whichever distilray the interpreter would find by itself.
        source = (
            f"import sys; sys.path.insert(0, {str(_TREE)!r}); from distilray.verifiers.sandbox import launcher; "
            "sys.path.pop(0); launcher.main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])"
        )
        root = os.path.join(self._folder, "root")
        os.mkdir(root)
        # Of the kinds that each run's own have: Python sets its streams up once, by what it finds, and forks keep them.
        empty = _memory_file("")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", source, str(theirs.fileno()), root, *without],
            env={"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            pass_fds=(theirs.fileno(),),
            stdin=empty,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        theirs.close()
        os.close(empty)
        ours.settimeout(_START_S)
        self._link = ours
        self._greet(ours)
        ours.settimeout(None)
        if self.layers["namespaces"]:
            # The launcher has moved into its own root. Gone now, the mount point cannot outlive a killed worker.
            shutil.rmtree(self._folder)
            self._folder = ""
        return ours

    def _greet(self, link: socket.socket) -> None:
        assert self._process is not None
        while True:
            message, _ = receive(link)
            if message is None:
                assert self._process.stderr is not None
                last = self._process.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
                raise SandboxError("the sandbox did not start: " + "".join(last))
            if "ready" in message:
                self.layers = message["ready"]
                return
            problem = ""
            if message["unshared"]:
                try:
                    confine.map_ids(self._process.pid)
                except OSError as error:
                    problem = str(error)
            send(link, {"problem": problem})

    def _make_box(self) -> str:
        box = tempfile.mkdtemp(dir=self._folder, prefix="box-")
        os.chmod(box, 0o777)
        return box

    def _follow(self, run: _Run, link: socket.socket, readers: dict[str, int]) -> None:
        """Collect output until the launcher says that the run has ended, ending it ourselves if it must."""
        with selectors.DefaultSelector() as selector:
            selector.register(link, selectors.EVENT_READ, "link")
            for name, reader in readers.items():
                os.set_blocking(reader, False)
                selector.register(reader, selectors.EVENT_READ, name)
            while run.status is None:
                for key, _ in selector.select(_LOOK_EVERY_S):
                    if key.data == "link":
                        message, _ = receive(link)
                        run.status = message["end"] if message else signal.SIGKILL
                        if message is None:
                            self._broken = True
                    elif not _collect(run, key.data, key.fd):
                        selector.unregister(key.fd)
                self._enforce(run)
            for name, reader in readers.items():
                while len(run.streams[name]) < run.limits.output_kb << 10 and _collect(run, name, reader) == "more":
                    pass

    def _enforce(self, run: _Run) -> None:
        now = time.monotonic()
        if run.ended or run.status is not None:
            return
        if any(len(data) > run.limits.output_kb << 10 for data in run.streams.values()):
            run.ended = "output"
        elif now - run.progress > run.limits.wall_s:
            run.ended = "time"
        elif now - run.started > _LOOK_EVERY_S:
            run.ended = watch.reached(run.pid, run.box, run.limits)
        if run.ended:
            _kill_group(run.pid)


def _collect(run: _Run, name: str, reader: int) -> str:
    """Read once: "more" after data, "wait" when none is there, "" at the end."""
    try:
        data = os.read(reader, 1 << 16)
    except BlockingIOError:
        return "wait"
    run.streams[name] += data
    if name == "results":
        run.progress = time.monotonic()
    return "more" if data else ""


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        try:
            os.kill(pid, signal.SIGKILL)  # the child has not yet made its group
        except ProcessLookupError:
            return  # it ended by itself in this moment


def _memory_file(text: str) -> int:
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as handle:
        handle.write(text.encode("utf-8", "surrogatepass"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _result(run: _Run) -> RunResult:
    status = run.status or 0
    by_signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = 128 + by_signal if by_signal else os.WEXITSTATUS(status)
    ended = run.ended or ("signal" if by_signal else "exit")
    if by_signal == signal.SIGXCPU or (by_signal == signal.SIGKILL and not run.ended):
        ended = "time"  # the CPU limit: SIGXCPU, then SIGKILL for those who catch it
    return RunResult(
        ended=ended,
        code=code,
        stdout=run.streams["stdout"].decode(errors="replace"),
        stderr=run.streams["stderr"].decode(errors="replace"),
        results=_parse(run.streams["results"]),
        wall_s=time.monotonic() - run.started,
    )


def _parse(data: bytearray) -> list[dict[str, Any]]:
    """The lines that are JSON objects. The program can write here too; other lines are ignored."""
    found = []
    for line in bytes(data).splitlines():
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict):
            found.append(message)
    return found
