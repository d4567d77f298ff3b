"""Every error has its exit code; a defect keeps its traceback."""

import pytest
from ray.exceptions import RayTaskError

from distilray.cli.exit_codes import UsageError, exit_code
from distilray.errors import DistilrayError, InputError


class Stopped(DistilrayError):
    exit_code = 3
    prefix = "stopped: "


class Wrapped(Exception):
    """As Ray wraps what a task raised."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DistilrayError("it failed"), 1, "it failed"),
        (InputError("no such step"), 2, "no such step"),
        (UsageError("--out is missing"), 2, "--out is missing"),
        (Stopped("budget"), 3, "stopped: budget"),
        (Wrapped(InputError("no such step")), 2, "no such step"),
        (Wrapped(Wrapped(Stopped("budget"))), None, ""),
        (ZeroDivisionError("division by zero"), None, ""),
    ],
)
def test_an_error_has_its_code_and_its_text(error: Exception, code: int | None, text: str):
    assert exit_code(error) == (code, text)


def test_an_error_of_a_task_within_a_task_is_told_without_their_tracebacks():
    error: Exception = InputError("file a.jsonl: is gone")
    for _ in range(2):
        error = RayTaskError("read_file", "Traceback: ...", error).as_instanceof_cause()
        assert exit_code(error) == (2, "file a.jsonl: is gone")


def test_ctrl_c_says_how_to_resume():
    code, text = exit_code(KeyboardInterrupt())
    assert code == 130 and "same command again" in text
