"""Which engines go before others start: first those that nobody asks again, then those that are asked again last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from distilray.models import EchoModel, ModelSettings
from distilray.planning import needs, serves, to_release

TEACHER, JUDGE, REWRITER, STUDENT = (EchoModel(cpus=1, tokens=k) for k in range(1, 5))
ALL: dict[str, ModelSettings] = {"teacher": TEACHER, "judge": JUDGE, "rewriter": REWRITER}


def within(cpus: float) -> Callable[[Mapping[str, ModelSettings]], bool]:
    return lambda models: needs(models)["CPU"] <= cpus


def test_engines_that_are_asked_again_stay_where_there_is_room() -> None:
    assert to_release(ALL, {"student": STUDENT}, [{"teacher": TEACHER}, ALL], within(4)) == []


def test_engines_that_nobody_asks_again_go_even_where_there_is_room() -> None:
    assert to_release(ALL, {}, [{"teacher": TEACHER}], within(99)) == ["judge", "rewriter"]
    assert to_release(ALL, {"judge": JUDGE}, [], within(99)) == ["teacher", "rewriter"]


def test_those_that_are_asked_again_last_make_room() -> None:
    ahead = [{"rewriter": REWRITER}, {"judge": JUDGE}, {"teacher": TEACHER}]
    assert to_release(ALL, {"student": STUDENT}, ahead, within(3)) == ["teacher"]
    assert to_release(ALL, {"student": STUDENT}, ahead, within(2)) == ["teacher", "judge"]
    assert to_release(ALL, {"student": STUDENT}, ahead, within(0)) == ["teacher", "judge", "rewriter"]


def test_engines_of_another_model_by_the_same_name_go_and_those_that_are_needed_stay() -> None:
    trained = EchoModel(cpus=1, tokens=99)
    running: dict[str, ModelSettings] = {"student": STUDENT, "teacher": TEACHER}
    needed: dict[str, ModelSettings] = {"student": trained, "teacher": TEACHER}
    assert to_release(running, needed, [needed], within(2)) == ["student"]
    assert to_release({"student": STUDENT}, {}, [{"student": trained}], within(2)) == ["student"]


def test_any_number_of_engines_serves_whoever_asks_for_as_many_as_there_is_room_for() -> None:
    three, auto = EchoModel(replicas=3), EchoModel(replicas="auto")
    assert serves(three, auto) and serves(three, three) and not serves(three, EchoModel(replicas=2))
    assert not serves(three, EchoModel(replicas="auto", tokens=99)) and not serves(three, None)
    assert to_release({"teacher": three}, {}, [{"teacher": auto}], within(9)) == []
