from __future__ import annotations

import numpy as np
import pytest

from distilray.models import REST_FLOOR, ScoreReply, ScoreRequest
from distilray.models.scores import pack
from distilray.models.wire import decode_answers, decode_batch, encode_answers, encode_batch


def test_scores_arrive_as_they_were_packed() -> None:
    ids = np.array([[5, 3], [70_000, 1]])
    log_probs = np.log(np.array([[0.6, 0.3], [0.9, 0.05]]))
    reply = ScoreReply(pack(ids, log_probs), 3)
    [(_, [found])] = decode_answers(encode_answers([(0, [reply])])).answers
    assert found == reply
    got_ids, got, rest = found.scores.arrays()
    assert got_ids.tolist() == ids.tolist()
    np.testing.assert_allclose(got, log_probs, rtol=1e-3)
    np.testing.assert_allclose(rest, [0.1, 0.05], atol=1e-6)
    assert (got.dtype, rest.dtype) == (np.float16, np.float32)


def test_a_position_takes_six_bytes_a_token_and_four_more() -> None:
    scores = pack(np.zeros((10, 32), int), np.full((10, 32), np.log(1 / 40)))
    assert len(scores.ids) + len(scores.log_probs) + len(scores.rest) == 10 * (32 * 6 + 4)


def test_only_the_tokens_that_stand_there_may_be_asked_about() -> None:
    scores = pack(np.zeros((3, 0), int), np.zeros((3, 0)), np.array([-0.5, -1.25, -7.0]))
    assert scores.own_log_probs().tolist() == [-0.5, -1.25, -7.0]
    assert [some.shape for some in scores.arrays()] == [(3, 0), (3, 0), (3,)]
    with pytest.raises(ValueError, match="scored token 2 are not finite"):
        pack(np.zeros((3, 0), int), np.zeros((3, 0)), np.array([-0.5, -1.25, np.nan]))


def test_what_is_left_is_never_nothing() -> None:
    assert pack(np.zeros((1, 1), int), np.zeros((1, 1))).arrays()[2] == pytest.approx(REST_FLOOR)


def test_log_probabilities_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="scored token 1 are not finite"):
        pack(np.zeros((2, 2), int), np.array([[-1.0, -2.0], [-1.0, -np.inf]]))


def test_token_ids_and_what_to_score_travel() -> None:
    asked = ScoreRequest([4, 5, 6], (1, 2), "row", top_k=8)
    assert decode_batch(encode_batch([asked])) == [ScoreRequest([4, 5, 6], (1, 2), "", top_k=8)]
