"""The labels of a sequence classifier's checkpoint, and the parts of a row that it reads.

    config.json: {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "maths", "1": "code"},
                  "distilray": {"reads": ["conversation"], "max_length": 512, "long_rows": "truncate"}, ...}

A row is sent as its parts, and the engine uses those that the classifier was trained on, so training and labelling
cannot disagree about what it sees. Checkpoints made elsewhere read the conversation alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from distilray.checkpoints.files import local_config
from distilray.checkpoints.identity import NotACheckpoint

Part = Literal["conversation", "reasoning", "answer"]
PARTS: tuple[Part, ...] = ("conversation", "reasoning", "answer")
"""Parts of a row, in the order in which they are read."""

CHECKPOINT_KEY = "distilray"
"""Where config.json keeps a :class:`Reading`."""

HEAD = "ForSequenceClassification"
"""Suffix of transformers' classes with a classification head."""


@dataclass(frozen=True)
class Reading:
    """How a row becomes the text that is classified."""

    reads: tuple[Part, ...] = ("conversation",)
    max_length: int | None = None
    """In tokens; None: all positions of the encoder."""
    long_rows: Literal["reject", "truncate"] = "reject"
    """What happens to longer texts; truncate cuts their end."""

    def text(self, parts: Mapping[str, str]) -> str:
        """The text, from a row's parts. Raises :class:`KeyError` with a part that the row lacks."""
        return "\n\n".join(parts[part] for part in self.reads)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "reads": list(self.reads)}


@dataclass(frozen=True)
class LabelSet:
    """A classifier's labels, in the order of its outputs, and what it reads."""

    labels: tuple[str, ...]
    reading: Reading


def label_set(config: Mapping[str, Any], path: str) -> LabelSet:
    """From a classifier's ``config.json``; ``path`` is for the errors.

    Raises :class:`NotACheckpoint` if it has no classification head, or assigns several labels at once.
    """
    found = config.get("architectures") or []
    if not any(name.endswith(HEAD) for name in found):
        raise NotACheckpoint(
            f"{path}: {', '.join(found) or 'its architecture'} has no classification head; train one with a "
            "training of `kind: classify`, and give its checkpoint's path"
        )
    if config.get("problem_type") in ("multi_label_classification", "regression"):
        raise NotACheckpoint(
            f"{path}: its problem_type is {config['problem_type']}; a single-label classifier is needed"
        )
    names = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}  # transformers' default
    labels = tuple(names[key] for key in sorted(names, key=int))
    if len(set(labels)) < max(2, len(labels)):
        raise NotACheckpoint(f"{path}: id2label in config.json must name two labels or more, each once, not {labels}")
    stored = config.get(CHECKPOINT_KEY) or {}
    reading = Reading(**{**stored, "reads": tuple(stored["reads"])}) if stored else Reading()
    return LabelSet(labels, reading)


def check_classifier(path: str) -> None:
    """Raise :class:`NotACheckpoint` if the checkpoint at ``path`` is local and cannot assign labels."""
    config = local_config(path)
    if config is not None:
        label_set(config, path)


def refuse_classifier(path: str) -> None:
    """Raise :class:`NotACheckpoint` if the checkpoint at ``path`` is local and assigns labels instead of answering."""
    found = (local_config(path) or {}).get("architectures") or []
    if any(name.endswith(HEAD) for name in found):
        raise NotACheckpoint(f"{path}: {found[0]} gives labels, not answers; set `kind: classifier` on the model")
