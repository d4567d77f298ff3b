"""Which engine a request goes to."""

from __future__ import annotations

from collections import Counter

from distilray.models.client.routing import Router


def router(n: int, places: int = 256) -> Router:
    return Router([f"teacher/{k}" for k in range(n)], places)


def test_a_row_always_prefers_the_same_engine_whoever_asks():
    one, other = router(5), router(5)
    assert all(one.preferred(f"row{i}") == other.preferred(f"row{i}") for i in range(100))


def test_rows_spread_evenly_over_engines():
    engines = router(4)
    shares = Counter(engines.preferred(f"gsm8k/train.jsonl:{i}") for i in range(8000))
    assert all(1850 < shares[k] < 2150 for k in range(4))  # 4 standard deviations


def test_only_the_rows_of_a_lost_engine_move():
    engines = router(4)
    before = {f"row{i}": engines.preferred(f"row{i}") for i in range(1000)}
    engines.up([1, 2, 3])
    after = {row: engines.preferred(row) for row in before}
    assert {before[row] for row in before if before[row] != after[row]} == {0}
    assert 0 not in after.values()
    engines.up([])
    assert not engines


def test_the_preferred_engine_is_kept_while_it_is_not_much_busier():
    engines = router(2)
    favourite = engines.preferred("row")
    engines.sent(favourite, 16)
    assert engines.choose("row") == favourite


def test_a_request_spills_to_the_shortest_queue_when_the_preferred_is_clearly_longer():
    engines = router(3)
    favourite = engines.preferred("row")
    for k in range(3):
        engines.sent(k, 150 if k == favourite else 100)
    shortest = (favourite + 1) % 3
    engines.settled(shortest, 10)
    assert engines.choose("row") == shortest
    engines.up([favourite, (favourite + 2) % 3])  # the shortest is gone
    assert engines.choose("row") == (favourite + 2) % 3


def test_what_engines_report_counts_also_where_other_clients_filled_them():
    engines = router(2)
    favourite = engines.preferred("row")
    engines.reported(favourite, 200)
    assert engines.choose("row") == 1 - favourite
    engines.reported(favourite, 0)
    assert engines.choose("row") == favourite


def test_an_engine_that_reports_less_than_it_was_sent_has_the_rest_on_the_way():
    engines = router(2)
    engines.sent(0, 30)
    engines.reported(0, 5)
    assert (engines.depth(0), engines.own[0]) == (30, 30)
    engines.settled(0, 30)
    assert (engines.depth(0), engines.own[0]) == (0, 0)


def test_an_engine_is_full_at_twice_its_places_unless_the_client_has_nothing_there():
    engines = router(2, places=8)
    engines.reported(0, 40)
    assert not engines.full(0)  # no reply would tell that it has room again
    engines.sent(0, 1)
    engines.sent(1, 15)
    assert engines.full(0) and not engines.full(1)
    assert engines.room() == 1
    engines.up([0])
    assert engines.room() == 0
