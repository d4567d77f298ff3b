"""The least time that any system could take: every reply begins as soon as a place is free, first come first served."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def first_come_first_served(rows: Sequence[Sequence[tuple[str, float]]], places: dict[str, int]) -> float:
    """Seconds until the last of ``rows`` ends. A row is its requests in order, each a model and the seconds that its
    reply takes; ``places`` are those of each model. Every row asks for its first reply at time 0."""
    free = dict(places)
    queues: dict[str, list[tuple[float, int]]] = {model: [] for model in places}
    at = [0] * len(rows)
    ends: list[tuple[float, int]] = []
    now = 0.0

    def begin(model: str) -> None:
        while free[model] and queues[model]:
            _, row = heapq.heappop(queues[model])
            free[model] -= 1
            heapq.heappush(ends, (now + rows[row][at[row]][1], row))

    for row, requests in enumerate(rows):
        heapq.heappush(queues[requests[0][0]], (0.0, row))
    for model in places:
        begin(model)
    while ends:
        now, row = heapq.heappop(ends)
        model = rows[row][at[row]][0]
        free[model] += 1
        at[row] += 1
        if at[row] < len(rows[row]):
            heapq.heappush(queues[rows[row][at[row]][0]], (now, row))
            begin(rows[row][at[row]][0])
        begin(model)
    return now
