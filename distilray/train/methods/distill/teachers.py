"""Whether teachers can be compared with the student token by token."""

from __future__ import annotations

from collections.abc import Mapping

from distilray.models import VLLMModel
from distilray.train.errors import CannotTrain
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.scoring.tokenizers import other_tokens, vocabulary


def check_teachers(settings: DistillSettings, models: Mapping[str, VLLMModel], student_path: str) -> None:
    """Raises :class:`CannotTrain` unless every teacher has the student's tokenizer."""
    mine = vocabulary(student_path)
    for name in settings.weights:
        path = models[name].path
        theirs = vocabulary(path)
        if theirs.hash == mine.hash:
            continue
        count, shown = other_tokens(mine, theirs)
        raise CannotTrain(
            f"train {settings.name!r}: the teacher {name!r} ({path}) has another tokenizer than the student: "
            f"{count} tokens have other ids (student's, teacher's): {shown}. Distillation compares token by "
            "token: choose a teacher of the student's family, or train on its answers instead (kind: sft)"
        )
