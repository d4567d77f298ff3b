"""`distilray run` on a real terminal: Ctrl-C there, `status` beside it, and the calm lines where there is none."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import psutil
import pytest

from distilray.ledger import reconcile
from distilray.storage import Store
from tests.support.echo_recipe import write

pytestmark = pytest.mark.slow
DISTILRAY = str(Path(sys.executable).with_name("distilray"))
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {"TERM": "xterm-256color"}
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PHASE = "steps/01-answer+check"


class Terminal:
    """A process that has a terminal of its own, as from a shell: its keys, and all that it showed."""

    def __init__(self, *command: str, columns: int = 120, rows: int = 30) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(command[0], command, ENVIRONMENT)
        self.shown = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                self.shown += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # what a terminal gives when its process has gone
                return

    def is_alive(self) -> bool:
        return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def text(self) -> str:
        return CONTROL.sub("", self.shown)

    def exit_code(self, seconds: float = 300) -> int:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.reader.join(10)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.1)
        os.kill(self.pid, 9)
        raise AssertionError(f"still there after {seconds} s; it showed\n{self.text()[-2000:]}")


def wait_for(condition, terminal: Terminal, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline and terminal.is_alive(), terminal.text()[-2000:]
        time.sleep(0.1)


def units(store: Store) -> list[str]:
    return [name for name in store.names(PHASE) if name.endswith(".parquet")]


def said(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=600)


def test_ctrl_c_stops_cleanly_and_the_command_that_it_names_goes_on(tmp_path: Path):
    recipe = write(tmp_path, rows=480, latency=2.5)  # 15 units, close to half a minute
    directory = str(tmp_path / "run")
    store = Store(directory)
    command = [DISTILRAY, "run", recipe, "--run", directory]
    terminal = Terminal(*command)
    wait_for(lambda: len(units(store)) >= 3 and "units" in terminal.text(), terminal)
    processes = psutil.Process(terminal.pid).children(recursive=True)

    beside = said(DISTILRAY, "status", directory)
    assert beside.returncode == 0, beside.stderr
    assert "running" in beside.stdout
    assert "units" in beside.stdout
    found = json.loads(said(DISTILRAY, "status", directory, "--json").stdout)
    assert found["state"] == "running"
    assert found["progress"]["total"] == 15
    assert 0 < found["progress"]["eta_s"] < 600

    terminal.press(b"\x03")
    assert terminal.exit_code() == 130
    shown = terminal.text()
    assert "stopping ..." in shown
    told = r"interrupted in 01-answer\+check, \d+ of 15 units done; finished work is kept"
    assert re.search(told, shown), shown[-500:]
    assert "Traceback" not in shown
    assert psutil.wait_procs(processes, timeout=30)[1] == []
    assert 3 <= len(units(store)) < 15
    assert "interrupted" in said(DISTILRAY, "status", directory).stdout

    [line] = [line for line in shown.splitlines() if line.strip().startswith("distilray run")]
    done = said(str(Path(DISTILRAY).parent / shlex.split(line)[0]), *shlex.split(line)[1:])
    assert done.returncode == 0, done.stderr[-2000:]
    assert reconcile(store, deep=True).ok
    assert_calm(done.stdout)
    assert done.stderr == ""


def assert_calm(log: str) -> None:
    """No control characters, one line a finished stage, and nothing that Ray or vLLM said."""
    assert "\x1b" not in log and "\r" not in log
    for stage, counts in {"sources": 1, "01-answer+check": 1, "02-select": 1}.items():
        finished = [line for line in log.splitlines() if line.startswith(stage + " ") and "kept" in line]
        assert len(finished) == counts, log
    assert not re.search(r"(?i)raylet|vllm|WARNING|pid=", log)
