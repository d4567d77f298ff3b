"""What runners have with engines, summed for each of them over all others."""

from __future__ import annotations

from distilray.runner.queues import FRESH_S, Queues


def test_each_runner_learns_what_the_others_have() -> None:
    queues = Queues(lambda: 0.0)
    assert queues.report("a", {"m": [1, 2], "n": [5]}) == {"m": [0, 0], "n": [0]}
    assert queues.report("b", {"m": [10, 20], "n": [0]}) == {"m": [1, 2], "n": [5]}
    assert queues.report("c", {"m": [0, 0], "n": [0]}) == {"m": [11, 22], "n": [5]}
    assert queues.report("a", {"m": [3, 0], "n": [0]}) == {"m": [10, 20], "n": [0]}
    assert queues.report("b", {"m": [0, 0], "n": [0]}) == {"m": [3, 0], "n": [0]}


def test_a_runner_that_died_is_forgotten() -> None:
    now = [0.0]
    queues = Queues(lambda: now[0])
    queues.report("dead", {"m": [100]})
    assert queues.report("a", {"m": [1]}) == {"m": [100]}
    now[0] = FRESH_S + 1
    assert queues.report("a", {"m": [1]}) == {"m": [0]}
    assert queues.report("b", {"m": [0]}) == {"m": [1]}
