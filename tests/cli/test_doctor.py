"""`distilray doctor`: the screen, its exit code, and one real look at this machine."""

import pytest

from distilray.cli import doctor
from distilray.cli.checkup.finding import Finding
from tests.support.command_line import distilray

FINE, SHORT = Finding("GPUs", "none"), Finding("memory", "1.0 GB free", "look", "close something")


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        ([FINE, SHORT], 0, "this machine can run recipes"),
        ([FINE, Finding("trl", "not installed", "stop", "make setup")], 1, "not usable yet: trl"),
    ],
)
def test_only_what_stops_recipes_is_a_failure(monkeypatch: pytest.MonkeyPatch, found: list, code: int, last: str):
    monkeypatch.setattr(doctor, "examine", lambda: iter(found))
    ended = distilray("doctor")
    assert (ended.code, ended.out.splitlines()[-1]) == (code, last)
    for finding in found:
        assert finding.what in ended.out and finding.mark in ended.out and finding.remedy in ended.out


def test_arguments_are_wrong_input():
    ended = distilray("doctor", "everything")
    assert ended.code == 2 and "unrecognized arguments: everything" in ended.err


@pytest.mark.slow
def test_this_machine_is_usable_and_fits_on_one_screen():
    ended = distilray("doctor")
    assert ended.code == 0, ended.out + ended.err
    assert "this machine can run recipes" in ended.out
    assert len(ended.out.splitlines()) <= 40
