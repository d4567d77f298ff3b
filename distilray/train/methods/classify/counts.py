"""The labels, the number of rows of each, and the weight of a row of each.

training/classify/labels.json
{"labels": ["code", "maths"], "train": [812, 1204], "held_out": [90, 131], "weights": [1.24, 0.84]}
"""

from __future__ import annotations

from collections import Counter

import msgspec
import pyarrow.compute as pc

from distilray.storage import Store, read_parquet
from distilray.train.data.training_data import held_out
from distilray.train.errors import CannotTrain
from distilray.train.methods.classify.settings import ClassifySettings

LABELS = "labels.json"


class LabelCounts(msgspec.Struct, frozen=True):
    """In the order of the classifier's outputs."""

    labels: list[str]
    train: list[int]
    """Rows that are trained on."""
    held_out: list[int]
    weights: list[float]
    """Of a row in the loss; 1 on average over the rows that are trained on."""


def count_labels(store: Store, paths: list[str], settings: ClassifySettings, out: str) -> LabelCounts:
    """Counts the labels in the token files at ``paths`` and writes the counts to ``out``.

    Raises :class:`CannotTrain` if there are fewer than two labels, a label has no training row, or no row is held
    out.
    """
    train: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for path in paths:
        table = read_parquet(store, path, {"id", "outcome", "label"})
        table = table.filter(pc.equal(table["outcome"], "kept"))
        for row_id, label in zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True):
            (apart if held_out(row_id, settings.holdout) else train)[label] += 1
    labels = list(settings.labels) if settings.labels is not None else sorted({*train, *apart})
    here = f"train {settings.name!r}: column {settings.column!r}"
    if len(labels) < 2:
        raise CannotTrain(f"{here} has {labels[0]!r} in all rows; a classifier needs at least two labels")
    if without := [label for label in labels if not train[label]]:
        raise CannotTrain(
            f"{here} has no row to train on for {', '.join(map(repr, without))} ({_shown(train)}); add such rows, or "
            "remove the label from `labels`"
        )
    if settings.holdout and not apart:
        raise CannotTrain(
            f"{here}: none of {train.total()} rows is held out at holdout {settings.holdout:g}; raise holdout, or set "
            "holdout: 0 and evaluate_every: null to train without evaluation"
        )
    weights = _weights(settings, labels, train)
    counts = LabelCounts(labels, [train[label] for label in labels], [apart[label] for label in labels], weights)
    store.write_json(f"{out}/{LABELS}", counts)
    return counts


def read_labels(store: Store, out: str) -> LabelCounts:
    """What :func:`count_labels` wrote to ``out``."""
    return msgspec.json.decode(store.read(f"{out}/{LABELS}"), type=LabelCounts)


def _weights(settings: ClassifySettings, labels: list[str], train: Counter[str]) -> list[float]:
    """The settings' class weights, scaled so that a row weighs 1 on average: learning rates keep their meaning."""
    given = settings.class_weights
    if given is None:
        return [1.0] * len(labels)
    if given == "balanced":
        raw = {label: 1 / train[label] for label in labels}
    else:
        if unknown := sorted(set(given) - set(labels)):
            raise CannotTrain(
                f"train {settings.name!r}: class_weights names {', '.join(map(repr, unknown))}, but column "
                f"{settings.column!r} has only {', '.join(map(repr, labels))}"
            )
        raw = {label: given.get(label, 1.0) for label in labels}
    mean = sum(raw[label] * train[label] for label in labels) / train.total()
    return [raw[label] / mean for label in labels]


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{label}: {count}" for label, count in sorted(counts.items())) or "no row has a label"
