"""`distilray status`: a screen for people, JSON for programs."""

import json

import pytest

from distilray.storage import Store
from tests.support.command_line import distilray


def test_the_screen_names_every_step_and_its_rows(practice_run: Store):
    ended = distilray("status", practice_run.base)
    assert (ended.code, ended.err) == (0, "")
    for part in ("practice", "finished", "answer", "judge", "check", "select", "384", "wrong answer", "student after"):
        assert part in ended.out


def test_json_holds_the_same_for_programs(practice_run: Store):
    found = json.loads(distilray("status", practice_run.base, "--json").out)
    assert found["state"] == "finished"
    assert [step["name"] for step in found["steps"]] == ["sources", "answer", "judge", "check", "select"]
    assert found["steps"][0]["kept"] == 384


@pytest.mark.parametrize("command", [("status",), ("report",), ("rows", "answer"), ("export", "--out", "data")])
def test_a_folder_that_is_no_run_is_wrong_input(command: tuple[str, ...], tmp_path):
    ended = distilray(command[0], str(tmp_path), *command[1:])
    assert (ended.code, ended.out) == (2, "")
    assert f"{tmp_path} is not a run directory" in ended.err and "distilray run" in ended.err
