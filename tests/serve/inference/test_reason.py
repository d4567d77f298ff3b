"""Why a student could not be served: the first cause, which may stand only in the log of the worker at fault."""

from __future__ import annotations

from pathlib import Path

from distilray.serve.inference.command import _reason

FAILED = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}"
CORE = "(EngineCore pid=812) ERROR 11-27 10:23:00 [core.py:1374] "


def test_an_exception_of_the_replica_is_the_reason(tmp_path: Path) -> None:
    message = "Deploying failed:\n  Traceback (most recent call last):\n    x()\n  ValueError: no such file\n"
    assert _reason(message, tmp_path) == "ValueError: no such file"


def test_what_the_engine_core_logged_is_the_reason_of_those_who_waited_for_it(tmp_path: Path) -> None:
    (tmp_path / "worker-a.out").write_text("(EngineCore pid=7) INFO 11-27 10:22:00 [core.py:123] Initializing\n")
    lines = ["EngineCore failed to start.", "Traceback (most recent call last):", "  run()", "ValueError: head_dim=16"]
    (tmp_path / "worker-b.err").write_text("".join(f"{CORE}{line}\n" for line in lines))
    message = f"Deploying failed:\nTraceback (most recent call last):\n  x()\n{FAILED}\n"
    assert _reason(message, tmp_path) == "ValueError: head_dim=16"
    assert _reason(message, tmp_path / "none") == FAILED
