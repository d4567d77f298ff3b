"""Whether teacher and student read the same tokens: distillation compares distributions token by token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from distilray.checkpoints import local_student
from distilray.ledger import fingerprint
from distilray.models import VLLMModel
from distilray.train.errors import CannotTrain
from distilray.train.methods.distill.settings import DistillSettings

NAMED = 5
"""Tokens that an error names."""


@dataclass(frozen=True)
class Vocabulary:
    ids: Mapping[str, int]
    """Token to id, padding not counted: models of one family may be padded differently."""
    hash: str


@lru_cache(maxsize=8)
def vocabulary(folder: str) -> Vocabulary:
    """Of the tokenizer in ``folder``."""
    from transformers import AutoTokenizer

    ids = dict(sorted(AutoTokenizer.from_pretrained(folder).get_vocab().items()))
    return Vocabulary(ids, fingerprint(list(ids.items())))


def check_teachers(settings: DistillSettings, models: Mapping[str, VLLMModel], student_path: str) -> None:
    """Raises :class:`CannotTrain` unless every teacher has the student's tokenizer."""
    mine = vocabulary(local_student(student_path))
    for name in settings.weights:
        path = models[name].path
        theirs = vocabulary(local_student(path))
        if theirs.hash == mine.hash:
            continue
        everything = {**mine.ids, **theirs.ids}
        other = sorted(token for token in everything if mine.ids.get(token) != theirs.ids.get(token))
        shown = ", ".join(f"{token!r} ({mine.ids.get(token)}, {theirs.ids.get(token)})" for token in other[:NAMED])
        raise CannotTrain(
            f"train {settings.name!r}: the teacher {name!r} ({path}) has another tokenizer than the student: "
            f"{len(other)} tokens have other ids (student's, teacher's): {shown}. Distillation compares token by "
            "token: take a teacher of the student's family, or train on its answers instead (kind: sft)"
        )
