"""What a plan says of a chat template is what trainings under it do, and what the docs say of model families."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from distilray.train import CannotTrain, parse_settings, template_findings
from distilray.train.data.probe import check_chat
from tests.support.checkpoints import WITHOUT_MARKS, make_student
from tests.support.paths import ROOT
from tests.support.template_table import table
from tests.support.templates import FAMILIES, real_tokenizer

STRIPPING = WITHOUT_MARKS.replace(
    "{{ m.content }}", "{% if loop.last and m.role == 'assistant' %}* {% endif %}{{ m.content }}"
)


def test_the_page_holds_what_its_command_prints() -> None:
    page = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    assert table() in page, "write the output of `python -m tests.support.template_table` into docs/templates.md"


def trains(path: Path, variables: dict, think: bool, loss_on: str) -> bool:
    written = {"kind": "sft", "student": "s", "epochs": 1, "think": think, "loss_on": loss_on}
    try:
        check_chat(str(path), parse_settings(written), variables)
    except CannotTrain:
        return False
    return True


@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_is_refused_where_the_findings_say_no(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    path = real_tokenizer(tmp_path / "student", family)
    found = template_findings(path, family.variables)
    assert found is not None and found.end == family.end
    for think, one, several in ((False, found.one, found.several), (True, found.one_trace, found.several_trace)):
        assert trains(path, family.variables, think, "answer") == one.startswith("yes")
        assert trains(path, family.variables, think, "assistant") == (several == "every turn")


def test_a_template_of_ones_own_is_told_apart(tmp_path: Path) -> None:
    found = template_findings(Path(make_student(tmp_path / "s", template=STRIPPING)), {})
    assert found is not None
    assert (found.one, found.several, found.system) == ("yes, after '* '", "the last", True)
    broken = make_student(tmp_path / "t", template="{{ messages[0].content }")
    assert template_findings(Path(broken), {}) is None


def of_trl(folder: Path, name: str) -> Path:
    """A student under a template that TRL ships, whose turns end with the tiny tokenizer's token."""
    template = files("trl").joinpath("chat_templates", f"{name}.jinja").read_text("utf-8")
    return Path(make_student(folder, template=template))


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        (
            "qwen3_8",
            {"think": True},
            r"writes '\\n</think>\\n\\n<think>\\n' before a row's reasoning.*reads <think> blocks",
        ),
        ("nemotron_3_nano", {}, "ends every prompt with '<think>'.*Set think: true"),
        ("nemotron_3_nano", {"think": True, "loss_on": "assistant"}, "rendered differently.*Set loss_on: answer"),
    ],
)
def test_a_refusal_says_what_would_help(tmp_path: Path, name: str, settings: dict, why: str) -> None:
    chosen = parse_settings({"kind": "sft", "student": "s", "epochs": 1, "loss_on": "answer", **settings})
    with pytest.raises(CannotTrain, match=why):
        check_chat(str(of_trl(tmp_path / "s", name)), chosen, {})


@pytest.mark.parametrize("wrong", ["messages[0].content + 1", "1 // 0", "messages[9].content.x", "bos_token.nothing()"])
def test_a_template_that_fails_is_no_traceback(tmp_path: Path, wrong: str) -> None:
    path = make_student(tmp_path / "s", template="{{ %s }}" % wrong + WITHOUT_MARKS)  # noqa: UP031
    found = template_findings(Path(path), {})
    assert found is not None and (found.end, found.one, found.several, found.system) == (None, "no", "no", False)
    with pytest.raises(CannotTrain, match="its chat template refuses a conversation"):
        check_chat(path, parse_settings({"kind": "sft", "student": "s", "epochs": 1}), {})
