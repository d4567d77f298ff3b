"""Every benchmark says what it measures and how it is called, without starting anything."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import record
from tests.support.paths import ROOT

CALLED = re.compile(r"^def main\(|program\.main\(", re.MULTILINE)
PROGRAMS = sorted(
    path.stem for path in (ROOT / "benchmarks").glob("*.py") if CALLED.search(path.read_text(encoding="utf-8"))
)
HEAVY = {"torch", "ray", "vllm", "transformers"}


def show_help(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"{program}.py", "--help"])
    monkeypatch.delitem(sys.modules, f"benchmarks.{program}", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"benchmarks.{program}", run_name="__main__", alter_sys=True)
    assert ended.value.code == 0


def test_all_benchmarks_are_found():
    assert {"__main__", "ds3", "kd_claim", "own_claim", "orchestration", "train_memory", "verifiers"} <= set(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_tells_what_is_measured(program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def started(*command: object, **options: object) -> None:
        raise AssertionError(f"--help starts a process: {command}")

    monkeypatch.setattr(subprocess, "Popen", started)
    show_help(program, monkeypatch)
    shown = capsys.readouterr().out
    called = r"benchmarks" if program == "__main__" else rf"benchmarks[./]{program}"
    assert "usage:" in shown
    assert re.search(rf"python (-m )?{called}\b", shown)


def test_help_needs_no_heavy_library():
    code = f"""
import contextlib, io, json, runpy, sys
for program in {PROGRAMS!r}:
    sys.argv = [program, "--help"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        runpy.run_module("benchmarks." + program, run_name="__main__", alter_sys=True)
print(json.dumps(sorted({HEAVY!r} & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_groups_run_programs_that_exist():
    from benchmarks.__main__ import GROUPS

    assert {command[0] for group in GROUPS.values() for command in group} <= set(PROGRAMS)


def test_a_result_says_how_it_was_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["/x/kd_claim.py", "--rows", "8", "--directory", "/data/my runs"])
    out = tmp_path / "results" / "kd_claim.json"
    record.write(out, {"rows": 8}, packages=("psutil",))
    found = json.loads(out.read_text("utf-8"))
    assert found["command"] == "python -m benchmarks.kd_claim --rows 8 --directory 'my runs'"
    assert "commit" in found and found["machine"]["cores"] and len(found["load_at_start"]) == 3
    assert {"python", "pyarrow", "psutil"} <= set(found["versions"])
    assert record.earlier(out, "rows") == 8
    assert record.earlier(tmp_path / "none.json", "rows") is None


def test_a_program_apart_returns_its_last_line_or_the_error(tmp_path: Path):
    place = tmp_path / "figures.json"
    place.write_text('{"tokens": 3}', "utf-8")
    assert record.apart("json.tool", "--compact", str(place)) == {"tokens": 3}
    with pytest.raises(RuntimeError, match=r"json\.tool .*none\.json ended with [12]:"):
        record.apart("json.tool", str(tmp_path / "none.json"))
