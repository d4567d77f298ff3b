"""Runs the corpus of escapes in a process of its own, which may be another user's than the tests'.

    python -m tests.support.escaping '{"without": [], "secret": "/tmp/x/secret", "folder": "/tmp/x", "port": 1234}'

It prints JSON: the sandbox's layers, how each program ended and what it printed, and what became of the victim.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import psutil

from distilray.verifiers import Limits, Sandbox
from tests.support.escapes import UNENDING, attacks

LONG = Limits(wall_s=20.0, cpu_s=10, memory_mb=256, disk_mb=16, file_mb=8)
SHORT = Limits(wall_s=1.5, cpu_s=1, memory_mb=256, disk_mb=16, file_mb=8)


def main(asked: dict[str, Any]) -> None:
    victim = subprocess.Popen(["sleep", "600"])
    process = psutil.Process(victim.pid)
    before = state(process)
    known = f"SECRET, FOLDER, VICTIM, PORT = {asked['secret']!r}, {asked['folder']!r}, {victim.pid}, {asked['port']}\n"
    sandbox = Sandbox(without=tuple(asked["without"]))

    def run(program: str, limits: Limits) -> tuple[str, str]:
        done = sandbox.run({"form": "script", "program": program}, limits=limits)
        return done.ended, done.stdout + "".join(str(each) for each in done.results)

    try:
        tried = {name: run(known + program, LONG) for name, (_, program) in attacks().items()}
        unending = {name: run(program, SHORT) for name, program in UNENDING.items()}
        honest = run("print(6 * 7)", LONG)
        found = {"attacks": tried, "unending": unending, "honest": honest, "layers": sandbox.layers}
        print(json.dumps({**found, "before": before, "after": state(process)}))
    finally:
        sandbox.close()
        victim.kill()
        victim.wait()


def state(process: psutil.Process) -> dict[str, Any]:
    """What another process might change of one."""
    status = process.status()
    if status == psutil.STATUS_ZOMBIE:
        return {"status": "gone"}
    stopped = status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    return {
        "status": "stopped" if stopped else "runs",
        "nice": process.nice(),
        "cores": process.cpu_affinity(),
        "disk": list(process.ionice()),
        "files": list(process.rlimit(psutil.RLIMIT_NOFILE)),
    }


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
