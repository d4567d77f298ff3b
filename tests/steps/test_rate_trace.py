"""One of three words: said once, by majority, or by its probability."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest

from distilray.models import BadReply, ModelError, Reply
from distilray.steps.rate_trace import RateTrace
from distilray.steps.shared.rating import majority, probabilities
from tests.support.planted import LONG, go, problem


def said(*words: str) -> list[Reply]:
    return [Reply(word, "stop") for word in words]


def test_one_word_is_the_rating(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, RateTrace(model="judge"), problem(), judge=["hard"])
    assert outcome.columns == {"rating": "hard", "rating_share": 1.0, "rating_votes": ["hard"]}
    [(_, request)] = engine.asked
    assert request.constraint is not None and request.constraint.value == ["easy", "medium", "hard"]
    assert request.messages[-1]["content"].endswith(LONG)


def test_a_sentence_around_the_word_is_asked_again(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, RateTrace(model="judge"), problem(), judge=["It is hard.", "hard"])
    assert outcome.columns["rating"] == "hard"
    first, again = (request for _, request in engine.asked)
    assert first.seed != again.seed


def test_a_deep_thinking_rater_may_think_first(tmp_path: Path) -> None:
    thoughts = "The trace says all twice, so it is hard to follow.\n</think>\n\n"  # its template opens the block
    outcome, engine = go(tmp_path, RateTrace(model="judge"), problem(), judge=[f"{thoughts}hard"])
    assert outcome.columns["rating"] == "hard"
    assert len(engine.asked) == 1
    assert majority(said(f"{thoughts}hard", "easy", f"<think>\n{thoughts}hard")).word == "hard"


def test_a_rater_that_never_says_the_word_fails_the_row_with_its_text(tmp_path: Path) -> None:
    with pytest.raises(BadReply, match="exactly one word .* the reply was: 'It is hard.'"):
        go(tmp_path, RateTrace(model="judge"), problem(), judge=["It is hard."] * 3)


def test_the_majority_counts_and_what_is_no_rating_does_not_vote(tmp_path: Path) -> None:
    votes = ["hard", "medium", "medium", "hm", "easy"]
    outcome, engine = go(tmp_path, RateTrace(model="judge", votes=5), problem(), judge=votes)
    assert outcome.columns["rating"] == "medium"
    assert outcome.columns["rating_share"] == 0.5
    assert outcome.columns["rating_votes"] == ["hard", "medium", "medium", "easy"]
    assert len(engine.asked) == 1


def test_a_tie_counts_against_medium() -> None:
    assert majority(said("medium", "easy")).word == "easy"
    assert majority(said("medium", "hard", "easy")).word == "hard"


def test_votes_without_a_single_rating_are_an_error() -> None:
    with pytest.raises(BadReply, match="none of 2 replies"):
        majority(said("hm", "well"))


def test_log_probabilities_of_the_first_token_decide(tmp_path: Path) -> None:
    first = {"m": log(0.3), "h": log(0.4), "hard": log(0.1), " easy": log(0.15), "The": log(0.05)}
    reply = Reply("medium", "stop", logprobs=[first, {"edium": 0.0}])
    assert probabilities(reply) == pytest.approx({"easy": 0.15 / 0.95, "medium": 0.3 / 0.95, "hard": 0.5 / 0.95})
    outcome, _ = go(tmp_path, RateTrace(model="judge", by="logprobs"), problem(), judge=[reply])
    assert outcome.columns["rating"] == "hard"


def test_without_log_probabilities_the_error_names_the_setting() -> None:
    with pytest.raises(ModelError, match="logprobs: 20"):
        probabilities(Reply("medium", "stop"))


def test_a_row_without_a_trace_is_rejected(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, RateTrace(model="judge"), problem(reasoning=None, answer=None), judge=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "no trace")
