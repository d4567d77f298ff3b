"""Methods by their kind, and those that users bring."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from distilray.recipe import TrainEntry, parse
from distilray.train import METHODS, TrainSettings, brought_method, method_named, method_of, parse_training
from distilray.train.methods.base import TrainingMethod
from tests.support.brought import Gentle, GentleSettings

OWN = "tests.support.brought:Gentle"
RECIPE = """
models: {student: {path: Qwen/Qwen2.5-7B}}
sources: [{name: rows, path: rows.jsonl}]
train: [{uses: "tests.support.brought:Gentle", student: student, epochs: 2, patience_with_it: 7}]
"""


@pytest.mark.parametrize("kind", METHODS)
def test_every_method_names_its_kind_and_describes_itself(kind: str) -> None:
    method = method_named(kind)
    assert method.settings.model_fields["kind"].default == kind
    assert method.settings.model_fields["name"].default == kind
    assert method.description and method.description[0].islower()


def test_a_method_of_a_users_own_is_parsed_with_its_own_settings() -> None:
    method, settings = parse_training({"uses": OWN, "student": "s", "epochs": 1, "patience_with_it": 5})
    assert isinstance(method, Gentle) and isinstance(settings, GentleSettings)
    assert (settings.uses, settings.name, settings.patience_with_it) == (OWN, "gentle", 5)


def test_a_recipe_with_a_method_of_a_users_own_is_written_back_as_it_was_read() -> None:
    first = parse(RECIPE, "r", [])
    (entry,) = first.train
    assert isinstance(entry, TrainEntry) and isinstance(entry.method, Gentle)
    document = entry.document()
    assert document["uses"] == OWN and "kind" not in document and document["patience_with_it"] == 7
    again = parse(first.to_yaml(), "r", [])
    assert again.train == first.train
    assert again.train[0].method == entry.method


def test_settings_of_our_own_methods_are_written_with_their_kind_alone() -> None:
    _, settings = parse_training({"student": "s", "epochs": 1})
    assert settings.model_dump()["kind"] == "sft" and "uses" not in settings.model_dump()


@pytest.mark.parametrize(
    ("uses", "error", "words"),
    [
        ("tests.support.brought:NotAMethod", TypeError, "not a subclass of distilray.train.TrainingMethod"),
        ("tests.support.brought:Missing", ImportError, "has no Missing"),
        ("tests.support.brought", ImportError, "package.module:[Nn]ame"),
    ],
)
def test_what_is_no_method_is_refused(uses: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        brought_method(uses)


def test_a_kind_that_there_is_not_and_two_names_for_one_method_are_refused() -> None:
    with pytest.raises(KeyError, match="astrology"):
        method_of({"kind": "astrology"})
    with pytest.raises(ValueError, match="set either kind or uses"):
        parse_training({"kind": "sft", "uses": OWN, "student": "s", "epochs": 1})
    with pytest.raises(ValidationError, match="patience_with_it"):
        parse_training({"student": "s", "epochs": 1, "patience_with_it": 5})


def test_methods_of_one_class_are_equal_wherever_they_travelled() -> None:
    method: TrainingMethod = method_named("sft")
    assert pickle.loads(pickle.dumps(method)) == method != method_named("dpo")
    assert len({method, pickle.loads(pickle.dumps(method))}) == 1


def test_only_settings_that_can_learn_a_part_have_demonstrations() -> None:
    _, plain = parse_training({"kind": "dpo", "student": "s", "epochs": 1})
    _, learning = parse_training({"student": "s", "epochs": 1, "learn": {"step": "align_trace"}})
    assert isinstance(plain, TrainSettings) and plain.demonstrations is None
    assert learning.demonstrations is not None and learning.demonstrations.step == "align_trace"
