from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import VLLMModel
from distilray.train import CannotTrain
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.methods.distill.teachers import check_teachers
from distilray.train.methods.registry import parse_settings

BASE = {"kind": "distill", "student": "s", "teacher": "t", "max_steps": 8}


def settings(**changes: object) -> DistillSettings:
    parsed = parse_settings({**BASE, **changes})
    assert isinstance(parsed, DistillSettings)
    return parsed


def test_one_teacher_is_all_of_it_and_several_share() -> None:
    assert settings().weights == {"t": 1.0}
    base = {name: value for name, value in BASE.items() if name != "teacher"}
    several = parse_settings({**base, "teachers": [{"model": "a", "weight": 3}, {"model": "b"}]})
    assert isinstance(several, DistillSettings)
    assert several.weights == {"a": 0.75, "b": 0.25}


def test_a_divergence_is_a_name_or_a_mix() -> None:
    assert settings(divergence="jsd").divergence == {"jsd": 1.0}
    assert settings(divergence={"forward_kl": 0.5, "reverse_kl": 0.5}).divergence["reverse_kl"] == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"teacher": None, "teachers": []}, "set either teacher or teachers"),
        ({"top_k": None}, "source: stored needs top_k"),
        ({"divergence": {"forward_kl": 0}}, "at least one weight above 0"),
        ({"divergence": "backward_kl"}, "backward_kl"),
        ({"on_policy": {"rounds": 3}}, "a multiple of its 3 rounds"),
        ({"on_policy": {"rounds": 4}, "packing": True}, "cannot be combined"),
        ({"beta": 1.0}, "beta"),
        ({"temperature": 2.0}, r"temperature 2 with top_k 32: .* top_k: null"),
    ],
)
def test_what_cannot_be_is_refused_in_words(changes: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changes)


def test_a_temperature_flattens_whole_vocabularies() -> None:
    assert settings(temperature=2.0, source="live", top_k=None).temperature == 2.0


def test_settings_can_be_looked_up() -> None:
    assert len({settings(), settings(), settings(top_k=4)}) == 2


def test_a_teacher_with_the_same_tokenizer_may_have_another_shape(student: str, teacher: str) -> None:
    check_teachers(settings(), {"t": VLLMModel(path=teacher)}, student)


def test_a_teacher_with_another_tokenizer_is_refused_with_the_tokens_that_differ(
    student: str, teacher: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(teacher, other)
    text = (other / "tokenizer.json").read_text("utf-8")
    # Two tokens change places: every string still encodes, to other ids.
    swapped = text.replace('"A":32', '"A":0').replace('"!":0', '"!":32')
    swapped = swapped.replace('"A": 32', '"A": 0').replace('"!": 0', '"!": 32')
    assert swapped != text
    (other / "tokenizer.json").write_text(swapped, "utf-8")
    with pytest.raises(
        CannotTrain, match=r"another tokenizer than the student: 2 tokens have other ids .*'!' \(0, 32\)"
    ):
        check_teachers(settings(), {"t": VLLMModel(path=str(other))}, student)
