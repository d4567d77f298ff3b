"""An engine has hung when no token comes; a long reply and a long queue are well as long as tokens come."""

from __future__ import annotations

from distilray.models.engines.stalls import Stalls


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(patience_s: float = 60) -> tuple[Stalls, Clock]:
    clock = Clock()
    return Stalls(patience_s, clock), clock


def test_a_trace_of_many_tokens_is_well_as_long_as_they_come() -> None:
    stalls, clock = watched()
    for second in range(0, 3_000, 30):
        clock.now = second
        stalls.see({"a": second})
        assert not stalls.hung
    assert stalls.tokens == 2_970


def test_a_request_behind_a_long_queue_is_well() -> None:
    stalls, clock = watched()
    for second in range(0, 3_000, 30):
        clock.now = second
        stalls.see({f"{second}": 1 + second, f"{second + 1}": 0, "last": 0})
        assert not stalls.hung and not stalls.lost()


def test_an_engine_without_new_tokens_has_hung_though_requests_arrive() -> None:
    stalls, clock = watched()
    stalls.see({"a": 5})
    for second in (20, 40, 60):
        clock.now = second
        stalls.see({"a": 5, **{f"new {k}": 0 for k in range(second)}})
        assert not stalls.hung
    clock.now = 61
    stalls.see({"a": 5})  # those that were given up meanwhile say nothing of the core, but may be its doing
    assert not stalls.hung
    clock.now = 122
    stalls.see({"a": 5})
    assert stalls.hung


def test_an_idle_engine_has_not_hung_and_its_next_request_has_its_time() -> None:
    stalls, clock = watched()
    for second in (0, 500, 1_000):
        clock.now = second
        stalls.see({})
        assert not stalls.hung
    clock.now = 1_050
    stalls.see({"a": 0})
    assert not stalls.hung
    clock.now = 1_110
    assert not stalls.hung
    clock.now = 1_111
    assert stalls.hung


def test_replies_that_end_between_two_looks_are_progress() -> None:
    stalls, clock = watched()
    for second in range(0, 600, 50):
        clock.now = second
        stalls.see({f"{second}": 0})  # a score or a label: never seen with a token
        assert not stalls.hung
    assert stalls.tokens == 11


def test_a_request_that_others_overtake_for_too_long_is_lost() -> None:
    stalls, clock = watched()
    stalls.see({"stuck": 0, "a": 0})
    clock.now = 50
    stalls.see({"stuck": 0, "a": 3, "b": 0})
    clock.now = 100
    stalls.see({"stuck": 0, "b": 9, "c": 0})
    assert not stalls.lost()
    clock.now = 111
    stalls.see({"stuck": 0, "c": 0})  # nobody is ahead of it by now: it was overtaken all the same
    assert stalls.lost() == ["stuck"]
    stalls.see({"stuck": 1, "c": 0})
    assert not stalls.lost()
