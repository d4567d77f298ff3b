"""The loop of alignment: keep medium, extend easy, shorten hard, verify both ways, give up in the open."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import Reply
from distilray.steps import STEPS
from distilray.steps.align_trace import AlignTrace, goes_back_and_forth
from tests.support.planted import GOOD, LONG, SHORT, WRONG, go, problem

ALIGN = AlignTrace(judge="judge", rewriter="rewriter")


def variants(*texts: str) -> list[str]:
    """Texts that differ, and still end in the right answer."""
    return [f"way {k}\n\n{text}" for k, text in enumerate(texts)]


def test_a_medium_trace_stays_as_it_is(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, ALIGN, problem(reasoning=GOOD), judge=["medium"], rewriter=[])
    assert outcome.kind == "kept"
    assert outcome.columns["reasoning"] == GOOD
    assert (outcome.columns["origin"], outcome.columns["ratings"], outcome.columns["rounds"]) == (
        "medium",
        ["medium"],
        0,
    )
    assert engine.models() == ["judge"]


@pytest.mark.parametrize(
    ("rating", "trace", "action", "asks"),
    [("hard", LONG, "shortened", "Condense"), ("easy", SHORT, "extended", "Extend")],
)
def test_hard_is_shortened_and_easy_extended(tmp_path: Path, rating: str, trace: str, action: str, asks: str) -> None:
    outcome, engine = go(tmp_path, ALIGN, problem(reasoning=trace), judge=[rating, "medium"], rewriter=[GOOD])
    assert outcome.kind == "kept"
    assert outcome.columns["reasoning"] == GOOD
    assert outcome.columns["origin"] == rating
    assert outcome.columns["ratings"] == [rating, "medium"]
    assert outcome.columns["rewrites"] == [action]
    assert outcome.columns["traces"] == [trace, GOOD]
    system = engine.asked[1][1].messages[0]["content"]
    assert system.startswith(asks)


def test_the_direction_flips_when_the_rating_does(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, ALIGN, problem(), judge=["hard", "easy", "medium"], rewriter=[SHORT, GOOD])
    assert outcome.columns["ratings"] == ["hard", "easy", "medium"]
    assert outcome.columns["rewrites"] == ["shortened", "extended"]
    assert outcome.columns["reasoning"] == GOOD


def test_a_rewrite_starts_from_the_latest_right_trace(tmp_path: Path) -> None:
    _, engine = go(tmp_path, ALIGN, problem(), judge=["hard", "easy", "medium"], rewriter=[SHORT, GOOD])
    assert engine.questions("rewriter")[1].endswith(SHORT)


def test_a_wrong_trace_is_rejected_before_anyone_is_asked(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, ALIGN, problem(reasoning=WRONG), judge=["medium"], rewriter=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "wrong answer")
    assert outcome.columns["verdict"] == "851 is not 861"
    assert engine.asked == []


def test_a_rewrite_that_is_wrong_never_becomes_the_trace(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, ALIGN, problem(), judge=["hard", "medium"], rewriter=[WRONG, GOOD])
    assert outcome.columns["reasoning"] == GOOD
    assert outcome.columns["rewrites"] == ["shortened: wrong answer", "shortened"]
    assert outcome.columns["traces"] == [LONG, GOOD]
    assert engine.questions("judge") == [q for q in engine.questions("judge") if WRONG not in q]


def test_medium_alone_is_not_enough(tmp_path: Path) -> None:
    outcome, _ = go(
        tmp_path,
        AlignTrace(judge="judge", rewriter="rewriter", max_rounds=1),
        problem(),
        judge=["hard"],
        rewriter=[WRONG],
    )
    assert (outcome.kind, outcome.reason) == ("rejected", "rewriting loses the answer")
    assert outcome.columns["ratings"] == ["hard"]


def test_right_alone_is_not_enough(tmp_path: Path) -> None:
    rewrites = variants(GOOD, GOOD)
    step = AlignTrace(judge="judge", rewriter="rewriter", max_rounds=2)
    outcome, _ = go(tmp_path, step, problem(), judge=["hard", "hard", "hard"], rewriter=rewrites)
    assert (outcome.kind, outcome.reason) == ("rejected", "not medium after the last round")
    assert outcome.columns["ratings"] == ["hard"] * 3
    assert outcome.columns["traces"] == [LONG, *rewrites]


def test_a_rejected_row_keeps_its_trace_and_its_history(tmp_path: Path) -> None:
    step = AlignTrace(judge="judge", rewriter="rewriter", max_rounds=1)
    row = problem()
    outcome, _ = go(tmp_path, step, row, judge=["hard", "easy"], rewriter=[SHORT])
    left = outcome.apply(row)
    assert left["reasoning"] == LONG
    assert left["ratings"] == ["hard", "easy"]


def test_going_back_and_forth_is_seen_before_the_cap(tmp_path: Path) -> None:
    outcome, engine = go(
        tmp_path,
        AlignTrace(judge="judge", rewriter="rewriter", max_rounds=10),
        problem(),
        judge=["hard", "easy"] * 6,
        rewriter=variants(*[GOOD] * 10),
    )
    assert (outcome.kind, outcome.reason) == ("rejected", "oscillates between easy and hard")
    assert outcome.columns["ratings"] == ["hard", "easy", "hard", "easy"]
    assert engine.models().count("rewriter") == 3


def test_ratings_that_only_look_alike_are_no_oscillation() -> None:
    assert goes_back_and_forth(["hard", "easy", "hard", "easy"])
    assert not goes_back_and_forth(["hard", "hard", "hard", "hard"])
    assert not goes_back_and_forth(["hard", "easy", "easy", "hard"])
    assert not goes_back_and_forth(["easy", "hard", "easy"])


def test_a_text_that_comes_again_ends_the_loop(tmp_path: Path) -> None:
    first = f"way 1\n\n{GOOD}"
    outcome, engine = go(tmp_path, ALIGN, problem(), judge=["hard", "hard"], rewriter=[first, LONG, GOOD])
    assert (outcome.kind, outcome.reason) == ("rejected", "a rewrite comes again")
    assert engine.unsaid() == {"rewriter": [GOOD]}


def test_a_greedy_rewriter_that_is_wrong_twice_is_not_asked_a_third_time(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, ALIGN, problem(), judge=["hard"], rewriter=[WRONG, WRONG, GOOD])
    assert (outcome.kind, outcome.reason) == ("rejected", "rewriting loses the answer")
    assert engine.unsaid() == {"rewriter": [GOOD]}


def test_a_trace_in_the_answer_is_rewritten_there(tmp_path: Path) -> None:
    row = problem(reasoning=None, answer=LONG)
    outcome, engine = go(tmp_path, ALIGN, row, judge=["hard", "medium"], rewriter=[GOOD])
    assert outcome.apply(row)["answer"] == GOOD
    assert outcome.apply(row)["reasoning"] is None
    assert "Answer:\n861" in engine.questions("rewriter")[0]


def test_without_a_reference_a_checker_decides(tmp_path: Path) -> None:
    step = AlignTrace(judge="judge", rewriter="rewriter", checker="checker")
    good, bad = (f'{{"check": "", "accuracy": {n}, "relevance": 9, "helpfulness": 9, "detail": 9}}' for n in (9, 2))
    row = problem(reference=None)
    outcome, engine = go(
        tmp_path, step, row, judge=["hard", "medium"], rewriter=[WRONG, GOOD], checker=[good, bad, good]
    )
    assert outcome.columns["reasoning"] == GOOD
    assert outcome.columns["rewrites"] == ["shortened: wrong answer", "shortened"]
    assert engine.models() == ["checker", "judge", "rewriter", "checker", "rewriter", "checker", "judge"]


def test_what_nobody_can_verify_is_not_let_through(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, ALIGN, problem(reference=None), judge=["medium"], rewriter=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "cannot be verified")


def test_a_reply_cut_by_length_is_asked_again_and_never_used(tmp_path: Path) -> None:
    cut = Reply(GOOD[:20], "length", 10, 20)
    outcome, engine = go(tmp_path, ALIGN, problem(), judge=["hard", "medium"], rewriter=[cut, GOOD])
    assert outcome.columns["traces"] == [LONG, GOOD]
    assert engine.models().count("rewriter") == 2


def test_a_real_student_decides_what_is_medium(tmp_path: Path) -> None:
    step = AlignTrace(judge="judge", rewriter="rewriter", student="student", student_samples=2)
    tries = ["answer: 851", "answer: 1", "tens 16\n\nanswer: 861", "answer: 861"]
    outcome, engine = go(tmp_path, step, problem(reasoning=SHORT), student=tries, judge=["medium"], rewriter=[GOOD])
    assert outcome.kind == "kept"
    assert outcome.columns["ratings"] == ["easy", "medium"]
    assert outcome.columns["rewrites"] == ["extended"]
    assert all("861" not in question for question in engine.questions("student"))


@pytest.mark.slow  # transformers takes seconds to import
def test_tokens_are_counted_before_and_after(tmp_path: Path) -> None:
    package = "package://distilray.practice/checkpoints/teacher"
    step = AlignTrace(judge="judge", rewriter="rewriter", tokenizer=package)
    outcome, _ = go(tmp_path, step, problem(), judge=["hard", "medium"], rewriter=[GOOD])
    assert outcome.columns["trace_tokens_before"] > outcome.columns["trace_tokens_after"] > 10


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="leave votes at 1"):
        AlignTrace(judge="judge", rewriter="rewriter", votes=3, by="logprobs")


def test_a_recipe_knows_every_model_that_the_step_needs() -> None:
    step = STEPS["align_trace"](judge="a", rewriter="b", checker="c", student="d")
    assert step.models_used() == {"judge": {"a"}, "rewriter": {"b"}, "checker": {"c"}, "student": {"d"}}
