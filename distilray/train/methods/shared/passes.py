"""Preference training on the same answers again and again: what is said of it in a plan, and before the first step."""

from __future__ import annotations

from distilray.train.settings import TrainSettings

MOST_PASSES = 3
"""Passes over the rows that published recipes of preference training take at most: most take one."""


def too_many_passes(settings: TrainSettings, rows: int | None, *, at_most: bool = False) -> list[str]:
    """A warning if a training with ``settings`` goes over its ``rows`` (None: unknown) more than ``MOST_PASSES`` times.
    ``at_most``: there are no more than that, so the passes are no fewer than counted."""
    if settings.epochs is not None:
        passes, setting = settings.epochs, "epochs"
    elif rows is not None and settings.max_steps is not None:
        passes = settings.max_steps * settings.batch_size / max(1.0, rows * (1 - settings.holdout))
        setting = "max_steps"
    else:
        return []
    if passes <= MOST_PASSES:
        return []
    least = "at least " if at_most and settings.epochs is None else ""
    over = "the rows" if rows is None else f"{'at most ' if at_most else ''}{rows:,} rows"
    return [f"{least}{passes:.1f} passes over {over} memorise them; take 1 to {MOST_PASSES} ({setting}), or more rows"]
