"""Imports that are slow or may crash (torch, then vLLM), in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class Probe:
    """Short programs one after another in a separate process, started at once and read later.

    Each prints one JSON object. They share a process because each of them would otherwise import torch again.
    """

    def __init__(self, *programs: str) -> None:
        self.programs = len(programs)
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", "\n".join(programs)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def facts(self, seconds: float) -> list[dict[str, Any] | str]:
        """Each program's JSON object, or the last line of the error that kept it from printing one."""
        try:
            out, err = self.process.communicate(timeout=seconds)
            lines = err.strip().splitlines()
            failure = lines[-1] if lines else f"exit status {self.process.returncode}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, _ = self.process.communicate()
            failure = f"no answer in {seconds:.0f} s; the machine is overloaded or the import hangs"
        found: list[dict[str, Any] | str] = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return found + [failure] * (self.programs - len(found))
