"""`distilray serve`: what it refuses before anything starts. That it serves is tested in tests/serve."""

import socket

import pytest

from tests.support.command_line import distilray


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "required: target"),
        (("student", "--port", "many"), "invalid int value: 'many'"),
    ],
)
def test_wrong_input_is_named(words: tuple[str, ...], text: str):
    ended = distilray("serve", *words)
    assert (ended.code, ended.out) == (2, "")
    assert text in ended.err


def test_a_port_that_is_taken_is_told_with_the_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = distilray("serve", "package://distilray.practice/checkpoints/student_warm", "--port", port)
    assert ended.code == 2
    assert f"port {port} is taken" in ended.err and "--port" in ended.err


def test_a_folder_that_holds_no_student_is_named(tmp_path):
    ended = distilray("serve", str(tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert str(tmp_path) in ended.err
