"""Which engine a request goes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from distilray.models.client.routing import choose, preferred, stable_hash


@dataclass(eq=False)
class Line:
    name: str
    in_flight: int = 0

    def __post_init__(self):
        self.salt = stable_hash(self.name)


def lines(n: int) -> list[Line]:
    return [Line(f"teacher/{k}") for k in range(n)]


def test_a_row_always_prefers_the_same_engine():
    engines = lines(5)
    assert all(preferred(f"row{i}", engines) is preferred(f"row{i}", engines[::-1]) for i in range(100))


def test_rows_spread_evenly_over_engines():
    engines = lines(4)
    shares = Counter(preferred(f"gsm8k/train.jsonl:{i}", engines).name for i in range(8000))
    assert all(1850 < share < 2150 for share in shares.values())  # 4 standard deviations


def test_only_the_rows_of_a_lost_engine_move():
    engines = lines(4)
    before = {f"row{i}": preferred(f"row{i}", engines) for i in range(1000)}
    for row, engine in before.items():
        if engine is not engines[0]:
            assert preferred(row, engines[1:]) is engine


def test_the_preferred_engine_is_kept_while_it_is_not_much_busier():
    engines = lines(2)
    favourite = preferred("row", engines)
    favourite.in_flight = 16
    assert choose("row", engines, concurrency=256) is favourite


def test_a_request_spills_to_the_shortest_queue_when_the_preferred_is_clearly_longer():
    engines = lines(3)
    favourite = preferred("row", engines)
    for engine in engines:
        engine.in_flight = 100
    favourite.in_flight = 150
    shortest = next(engine for engine in engines if engine is not favourite)
    shortest.in_flight = 90
    assert choose("row", engines, concurrency=256) is shortest
