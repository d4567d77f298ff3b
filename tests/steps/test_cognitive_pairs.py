"""Pairs of three gaps, each with its own beta, and nothing wrong among what is chosen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from distilray.ledger import ReplyLog
from distilray.rows import Row
from distilray.runner import NamedStep
from distilray.runner.admission import Admission
from distilray.runner.crowd import Crowd, OpenUnit
from distilray.runner.unit import Passage
from distilray.steps.cognitive_pairs import CognitivePairs
from distilray.storage import Store
from tests.support.marks import nobody_died
from tests.support.planted import GOOD, LONG, WRONG, Planted, desk, go, problem

PAIRS = CognitivePairs(model="student", samples=2)
ALIGNED = {"reasoning": GOOD, "traces": [LONG, GOOD], "ratings": ["hard", "medium"]}
RIGHT_SAMPLE, WRONG_SAMPLE = "<think>\nadd\n</think>\n\nanswer: 861", "<think>\nadd\n</think>\n\nanswer: 851"


def by_gap(children: tuple[Row, ...]) -> dict[str, Row]:
    return {child["gap"]: child for child in children}


def test_three_gaps_with_three_betas(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, PAIRS, problem(**ALIGNED), student=[RIGHT_SAMPLE, WRONG_SAMPLE])
    pairs = by_gap(outcome.children)
    assert [pairs[gap]["beta"] for gap in ("small", "medium", "large")] == [0.05, 0.1, 0.2]
    assert pairs["small"]["reasoning"] == GOOD
    assert pairs["small"]["rejected_answer"] == f"<think>\n{LONG}\n</think>\n\nanswer: 861"
    assert (pairs["medium"]["reasoning"], pairs["medium"]["rejected_answer"]) == (LONG, WRONG_SAMPLE)
    assert (pairs["large"]["reasoning"], pairs["large"]["rejected_answer"]) == (GOOD, WRONG_SAMPLE)


def test_a_pair_knows_its_row_and_keeps_its_place(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, PAIRS, problem(**ALIGNED), student=[RIGHT_SAMPLE, WRONG_SAMPLE])
    assert [(child.id, child["parent"]) for child in outcome.children] == [
        (f"gsm8k/train.jsonl:1/pairs.{k}", "gsm8k/train.jsonl:1") for k in range(3)
    ]


def test_a_student_that_is_never_wrong_leaves_the_small_gap_only(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, PAIRS, problem(**ALIGNED), student=[RIGHT_SAMPLE] * 2)
    assert list(by_gap(outcome.children)) == ["small"]


def test_a_trace_that_was_medium_at_once_has_the_large_gap_only(tmp_path: Path) -> None:
    row = problem(reasoning=GOOD, traces=[GOOD], ratings=["medium"])
    outcome, _ = go(tmp_path, PAIRS, row, student=[WRONG_SAMPLE] * 2)
    assert list(by_gap(outcome.children)) == ["large"]


def test_an_answer_that_nobody_can_decide_is_not_called_wrong(tmp_path: Path) -> None:
    row = problem(**ALIGNED, task="writing", reference="a poem")
    outcome, _ = go(tmp_path, PAIRS, row, student=[WRONG_SAMPLE] * 2)
    assert list(by_gap(outcome.children)) == ["small"]


def test_a_trace_can_be_spoiled_instead(tmp_path: Path) -> None:
    step = CognitivePairs(model="rewriter", wrong="spoiled", samples=2)
    outcome, engine = go(tmp_path, step, problem(**ALIGNED), rewriter=[GOOD, WRONG])
    assert by_gap(outcome.children)["large"]["rejected_answer"] == f"<think>\n{WRONG}\n</think>\n\n851"
    assert engine.questions("rewriter")[0].endswith(GOOD)


def test_traces_in_the_answer_make_pairs_of_answers(tmp_path: Path) -> None:
    row = problem(reasoning=None, answer=GOOD, traces=[LONG, GOOD], ratings=["hard", "medium"])
    outcome, _ = go(tmp_path, PAIRS, row, student=["answer: 861", WRONG])
    pair = by_gap(outcome.children)["medium"]
    assert (pair["answer"], pair["rejected_answer"], pair["reasoning"]) == (LONG, WRONG, None)


def test_a_pair_of_the_same_text_is_left_out_and_counted(tmp_path: Path) -> None:
    # The student wrote the traces itself: its wrong sample is the original, and the rewriter changed spaces only.
    for traces, left, same in (([WRONG, GOOD], ["small", "large"], 1), ([f"{GOOD}\n", GOOD], ["medium", "large"], 1)):
        row = problem(reasoning=None, answer=GOOD, traces=traces, ratings=["hard", "medium"])
        outcome, _ = go(tmp_path / left[0], PAIRS, row, student=[WRONG] * 2)
        assert list(by_gap(outcome.children)) == left
        assert outcome.columns == {"pairs": 2, "same_pairs": same}
    dropping = PAIRS.model_copy(update={"parents": "drop"})
    alike = problem(reasoning=None, answer=GOOD, traces=[f"{GOOD}\n", GOOD], ratings=["hard", "medium"])
    outcome, _ = go(tmp_path / "none", dropping, alike, student=["answer: 861"] * 2)
    assert (outcome.kind, outcome.reason, outcome.children) == ("rejected", "chosen equals rejected", ())


def test_a_row_that_was_inlined_makes_no_pairs_without_its_answer(tmp_path: Path) -> None:
    row = problem(**ALIGNED).having(reasoning=None, answer=f"{GOOD}\n\n861 apples")
    outcome, engine = go(tmp_path, PAIRS, row, student=[])
    assert outcome.kind == "rejected" and "before inline_trace" in str(outcome.reason)
    assert not engine.asked


def test_rows_and_pairs_reconcile_in_the_ledger(tmp_path: Path) -> None:
    engine = Planted({"student": [RIGHT_SAMPLE, WRONG_SAMPLE]})
    store = Store(str(tmp_path))
    drop = PAIRS.model_copy(update={"parents": "drop"})
    passage = Passage(
        [NamedStep("pairs", drop)],
        desk(engine),
        ReplyLog(store, "p", "u"),
        nobody_died("u"),
        OpenUnit(Crowd(Admission(4, 1 << 20, 1))),
    )
    rows = asyncio.run(passage.run([problem(**ALIGNED)]))
    [counts] = passage.counts
    assert counts.reconciled
    assert (counts.rows_in, counts.created, counts.kept, counts.rejected) == (1, 3, 3, 1)
    assert counts.reasons == {"rejected: replaced by its pairs": 1}
    assert sorted(row["outcome"] for row in rows) == ["kept", "kept", "kept", "rejected"]
