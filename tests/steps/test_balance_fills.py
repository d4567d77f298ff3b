"""What a balance asks for is what the steps that make rows ask their models for, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from distilray.rows import Row
from distilray.steps.expand import Expand
from distilray.steps.localize import Localize
from tests.support.planted import go

SEED = "Explain why the sky over a large city looks orange at night."
LAKE = "Describe how a lake freezes from its surface down to the ground."
BREAD = "Tell me what yeast does while a loaf of bread rises in the oven."
ZH = "请说明为什么冬天的湖水总是从表面开始结冰。"


def row(**columns: object) -> Row:
    messages = [{"role": "user", "content": SEED}]
    return Row({"id": "s/a:1", "source": "s", "language": "en", "task": "physics", "messages": messages, **columns})


def listed(*texts: str) -> str:
    return json.dumps({"instructions": texts}, ensure_ascii=False)


def test_a_row_is_expanded_as_often_as_the_balance_asks(tmp_path: Path) -> None:
    for wanted, children in ((None, 2), (1, 1), (2, 2), (9, 2)):
        step = Expand(model="teacher", n=2)
        outcome, _ = go(tmp_path, step, row(to_expand=wanted), teacher=[listed(LAKE, BREAD)])
        assert len(outcome.children) == children


def test_a_row_of_which_nothing_is_asked_costs_no_request(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, Expand(model="teacher"), row(to_expand=0), teacher=[])
    assert outcome.kind == "kept" and not outcome.children and engine.asked == []
    step = Localize(model="teacher", into={"en": "zh"})
    outcome, engine = go(tmp_path, step, row(to_expand=1, to_localize=0), teacher=[])
    assert outcome.kind == "kept" and not outcome.children and engine.asked == []


def test_what_was_made_is_not_made_more_of_in_the_same_round(tmp_path: Path) -> None:
    step = Localize(model="teacher", into={"en": "zh"})
    outcome, _ = go(tmp_path, step, row(to_expand=1, to_localize=1), teacher=[json.dumps({"instruction": ZH})])
    [child] = outcome.children
    assert (child["language"], child["to_expand"], child["to_localize"]) == ("zh", 0, 0)
    without, _ = go(tmp_path, step, row(), teacher=[json.dumps({"instruction": ZH})])
    assert "to_expand" not in without.children[0].values
