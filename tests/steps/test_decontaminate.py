"""Rows that hold a benchmark's question leave, and the question is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.sources import Source, SourceError
from distilray.steps.decontaminate import Decontaminate
from tests.support.sets import Decided, row

CLIPS = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many?"
ZH = "小明有四十八个苹果，他把其中的一半分给了邻居家的三个孩子，请问小明现在还剩下多少个苹果？"


@pytest.fixture
def questions(tmp_path: Path) -> tuple[Source, Source]:
    """An English and a Chinese benchmark."""
    for name, text in (("gsm8k", CLIPS), ("cmath", ZH)):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"instruction": text, "output": "72"}) + "\n")
    first, second = (Source(name=name, path=str(tmp_path / f"{name}.jsonl")) for name in ("gsm8k", "cmath"))
    return first, second


def test_rows_that_hold_a_question_leave_and_name_it(questions: tuple[Source, Source]) -> None:
    rows = [
        row("same", CLIPS.lower()),
        row("inside", f"Solve this riddle step by step. {CLIPS} Show all of your work."),
        row("zh", f"请一步一步地解题：{ZH}", language="zh"),
        row("clean", "Explain to a child why the sky is blue during the day and red in the evening."),
        row("numbers", CLIPS.replace("48", "96").replace("April", "June").replace("May", "July")),
    ]
    found = Decided(Decontaminate(against=questions), rows)
    assert found.reasons == {
        "same": "holds a question of gsm8k",
        "inside": "holds a question of gsm8k",
        "zh": "holds a question of cmath",
    }
    assert found["inside"]["contaminated_by"].startswith("gsm8k/") and found["inside"]["contaminated_share"] == 1.0
    assert found["clean"]["contaminated_by"] is None and found["clean"]["contaminated_share"] == 0
    assert 0 < found["numbers"]["contaminated_share"] < 0.5


def test_the_threshold_is_the_share_of_the_question(questions: tuple[Source, Source]) -> None:
    half = [row("half", " ".join(CLIPS.split()[:16]) + " and so on and so forth")]
    assert Decided(Decontaminate(against=questions), half).kept == set()
    assert Decided(Decontaminate(against=questions, threshold=0.7), half).kept == {"half"}


def test_answers_are_searched_where_that_is_asked_for(questions: tuple[Source, Source]) -> None:
    rows = [row("told", "Invent a riddle.", answer=f"Here is one: {CLIPS}")]
    assert Decided(Decontaminate(against=questions), rows).kept == {"told"}
    assert Decided(Decontaminate(against=questions, parts=("conversation", "answer")), rows).kept == set()


def test_a_benchmark_without_a_question_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("{}\n")
    step = Decontaminate(against=(Source(name="empty", path=str(tmp_path / "empty.jsonl")),))
    with pytest.raises(SourceError, match="source 'empty': holds no question"):
        Decided(step, [row("a", "hello")])


def test_the_summary_says_how_many_questions_there_were_and_how_many_rows_held_one(
    questions: tuple[Source, Source],
) -> None:
    rows = [row("a", CLIPS), row("b", f"Hello! {CLIPS}"), row("c", "Something else, which is clean of questions.")]
    found = Decided(Decontaminate(against=questions), rows)
    assert found.summary == {
        "kind": "contamination",
        "benchmarks": [
            {"benchmark": "cmath", "questions": 1, "rows": 0},
            {"benchmark": "gsm8k", "questions": 1, "rows": 2},
        ],
    }
