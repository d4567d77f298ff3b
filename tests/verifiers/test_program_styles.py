"""Programs of many styles do in the sandbox what they do as `python solution.py < input`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import distilray
from distilray.verifiers import Limits, Sandbox
from tests.support.programs import Style, styles

STYLES = styles()
LIMITS = Limits(wall_s=60.0, cpu_s=60, output_kb=4096)
NEEDS_PROCESSES = {"a child process", "fork and wait"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def plainly(style: Style, folder: Path) -> tuple[bytes, int, str]:
    """stdout, exit status (128 + n for a signal) and the last line of stderr under plain Python."""
    (folder / "solution.py").write_bytes(style.program.encode())
    (folder.parent / "stdin").write_bytes(style.stdin.encode())
    with open(folder.parent / "stdin", "rb") as given:
        done = subprocess.run(
            [sys.executable, "solution.py"], stdin=given, capture_output=True, cwd=folder, env={"LANG": "C.UTF-8"}
        )
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return done.stdout, status, last_line(done.stderr.decode(errors="replace"))


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""


def test_there_are_styles_enough():
    assert len({style.name for style in STYLES}) == len(STYLES) >= 60


@pytest.mark.parametrize("style", STYLES, ids=[style.name for style in STYLES])
def test_a_program_does_the_same_in_the_sandbox(style: Style, sandbox: Sandbox, tmp_path: Path):
    folder = tmp_path / "box"
    folder.mkdir()
    stdout, status, said = plainly(style, folder)
    run = sandbox.run({"form": "script", "program": style.program}, stdin=style.stdin, limits=LIMITS)
    if style.name in NEEDS_PROCESSES and not sandbox.layers["count processes"]:
        pytest.skip("this machine's sandbox allows no processes")
    assert (run.stdout, run.code) == (stdout.decode(errors="replace"), status)
    assert last_line(run.stderr) == said
    assert run.ended == ("signal" if style.name in BY_SIGNAL else "exit")


BY_SIGNAL = {"death by a signal", "abort", "KeyboardInterrupt"}
"""Those that plain Python ends with a signal, and no exit status above 128."""


def test_a_status_above_128_is_no_signal(sandbox: Sandbox):
    run = sandbox.run({"form": "script", "program": f"raise SystemExit({128 + signal.SIGSEGV})"}, limits=LIMITS)
    assert (run.ended, run.code) == ("exit", 128 + signal.SIGSEGV)


CHILD = "import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', 'print(6 * 7)'], text=True))"
IN_A_SANDBOX = f"""
from distilray.verifiers import Sandbox
sandbox = Sandbox()
run = sandbox.run({{"form": "script", "program": {CHILD!r}}})
print(sandbox.layers["namespaces"], run.stdout.strip() or run.stderr)
sandbox.close()
"""


def test_a_child_process_finds_python_behind_links_in_other_folders(tmp_path: Path):
    """uv, pyenv and installers put links to Python into folders of their own; a virtual environment then links to the
    link, and an environment reached through a linked folder adds one more."""
    links, kept = tmp_path / "links", tmp_path / "kept"
    links.mkdir()
    (links / "python3").symlink_to(Path(sys.executable).resolve())
    subprocess.run([str(links / "python3"), "-m", "venv", "--without-pip", str(kept)], check=True)
    packages = next(kept.glob("lib/python*/site-packages"))
    (packages / "ours.pth").write_text("\n".join(path for path in sys.path if path))
    (tmp_path / "project").symlink_to(kept)
    done = subprocess.run(
        [str(tmp_path / "project" / "bin" / "python"), "-c", IN_A_SANDBOX],
        env={"LANG": "C.UTF-8"},
        cwd=Path(distilray.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    if done.stdout.startswith("False"):
        pytest.skip("without namespaces this machine's sandbox may start no processes")
    assert done.stdout.split() == ["True", "42"], done.stdout + done.stderr
