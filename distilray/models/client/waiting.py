"""What is said while engines are waited for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from distilray.models.client.keeper import Keeper
from distilray.models.client.placement import needs_of
from distilray.models.client.slot import State
from distilray.models.client.startup import summary

COMING = (State.PLACING, State.STARTING)
SILENT_S = 2.0
"""What is there at once needs no word."""


def waits_for(keeper: Keeper, wanted: Mapping[str, int]) -> str:
    """What is missing before the ``wanted`` engines of each model are up: ``"2 of 4 engines (teacher/0: Loading
    weights: 2/5); 2 of teacher wait for a node that has 4 GPUs and 1 CPU free"``. Empty: nothing worth a word."""
    missing = [model for model, engines in wanted.items() if len(keeper.of(State.UP, model)) < engines]
    starts = [slot.start for slot in keeper.of(State.STARTING) if slot.model in missing and slot.start is not None]
    there = [slot for slot in keeper.slots if slot.model in missing and slot.state in (*COMING, State.UP)]
    parts = [summary(starts, len(there))] if starts else []
    placing = Counter(
        slot.model
        for slot in keeper.of(State.PLACING)
        if slot.model in missing and slot.seconds > SILENT_S and not slot.settings.starts_alone
    )
    for model, engines in placing.items():
        verb = "waits" if engines == 1 else "wait"
        parts.append(f"{engines} of {model} {verb} for a node that has {needs_of(keeper.models[model])} free")
        if avoided := keeper.avoided[model]:
            parts[-1] += f" (not {', '.join(sorted(node[:8] for node in avoided))}, where it did not start)"
    return "; ".join(parts)
