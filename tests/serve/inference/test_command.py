"""``serve`` and ``chat`` before anything starts: what they refuse, in the user's words, with status 2."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from distilray.serve import chat, serve
from tests.serve.inference.test_target import checkpoint, run_with_trainings


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert serve(str(tmp_path)) == 2
    assert "no config.json" in capsys.readouterr().err


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert serve(str(run_with_trainings(tmp_path / "run", sft=None))) == 2
    assert "distilray status" in capsys.readouterr().err


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(str(checkpoint(tmp_path / "small")), port=port) == 2
    message = capsys.readouterr().err
    assert f"port {port} is taken" in message
    assert "--port" in message


def test_a_chat_with_nothing_is_refused(capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert chat(f"http://127.0.0.1:{port}", once="2+3?") == 2
    assert "distilray serve RUN" in capsys.readouterr().err


def test_a_chat_with_a_run_that_is_not_finished_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert chat(str(run_with_trainings(tmp_path / "run", sft=None)), once="2+3?") == 2
    assert "not finished" in capsys.readouterr().err
