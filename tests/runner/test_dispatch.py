"""Units go to runners that have room; those of a runner that died go first to the next."""

from __future__ import annotations

from distilray.ledger import Place, UnitInput
from distilray.runner.dispatch import Dispatch


def dispatch(*names: str) -> Dispatch:
    return Dispatch([(name, UnitInput(f"{name}.parquet")) for name in names])


def opened(dispatch: Dispatch, runner: str, ticket: int) -> tuple[str, int] | None:
    found = dispatch.opens(runner, ticket)
    return found and (found.name, found.crashes.deaths)


def test_units_are_opened_in_order_whoever_has_room_until_none_is_left() -> None:
    units = dispatch("u", "v", "w")
    assert [opened(units, runner, k) for k, runner in enumerate("aba")] == [("u", 0), ("v", 0), ("w", 0)]
    assert opened(units, "b", 3) is None


def test_units_of_a_runner_that_died_go_first_to_whoever_has_its_tickets() -> None:
    units = dispatch("u", "v", "w", "x")
    assert [opened(units, "a", 0), opened(units, "a", 1), opened(units, "b", 2)] == [("u", 0), ("v", 0), ("w", 0)]
    units.closes("a", "u", published=True)
    assert opened(units, "c", 1) == ("v", 1)
    assert opened(units, "b", 3) == ("x", 0)
    # The end of a call of the dead runner, which comes late, changes nothing.
    units.closes("a", "v", published=False)
    assert opened(units, "b", 4) is None


def test_a_unit_that_is_put_back_is_opened_again_and_blames_nobody() -> None:
    units = dispatch("u", "v")
    assert opened(units, "a", 0) == ("u", 0)
    units.closes("a", "u", published=False)
    assert [opened(units, "a", 0), opened(units, "b", 1), opened(units, "b", 2)] == [("u", 0), ("v", 0), None]


def test_whoever_opens_a_unit_again_is_told_where_replies_to_it_are() -> None:
    places = {"u": (Place("replies/p/u/sealed.zst"),)}
    units = Dispatch([(name, UnitInput(name)) for name in "uv"], places)
    first = units.opens("a", 0)
    assert first is not None and (first.places, first.runners) == (places["u"], ())
    units.closes("a", "u", published=False)
    again = units.opens("b", 1)
    assert again is not None and (again.name, again.places, again.runners) == ("u", places["u"], ("a",))
    units.closes("b", "u", published=False)
    last = units.opens("b", 2)
    assert last is not None and last.runners == ("a", "b")
