"""What all benchmarks share: their options, and result files that say how and on what the figures were taken."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
LOAD_AT_START = [round(load, 1) for load in os.getloadavg()]


def command_line(description: str | None, out: str, **more: Any) -> argparse.ArgumentParser:
    """A parser that shows ``description`` as it is written and has ``--out``, by default the result file ``out``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **more
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS / out, help=f"result file; default: benchmarks/results/{out}"
    )
    return parser


def write(out: Path, figures: Mapping[str, Any], packages: Sequence[str] = ()) -> None:
    """Writes ``figures`` to ``out``, preceded by the command, commit, machine and versions that they were taken with;
    ``packages``: further ones whose versions matter."""
    from distilray.runner import versions

    taken = {
        "command": command(),
        "commit": commit(),
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "load_at_start": LOAD_AT_START,
        "versions": versions() | {package: version(package) for package in packages},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**taken, **figures}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def earlier(out: Path, key: str) -> Any:
    """What earlier sittings left in ``out`` below ``key``; None if there were none."""
    return json.loads(out.read_text("utf-8"))[key] if out.exists() else None


def command() -> str:
    """This process's command, to be run in the repository's root; folders of this machine by their last part."""
    shown = [Path(argument).name if Path(argument).is_absolute() else argument for argument in sys.argv[1:]]
    return shlex.join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *shown])


def commit() -> str:
    head = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip()


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def share_imports() -> None:
    """Processes that this one starts, Ray's workers too, import ``benchmarks`` and ``tests`` from the same place."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def apart(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """What ``python -m module arguments`` prints in its last line, JSON, in a process of its own."""
    line = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} {shlex.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
