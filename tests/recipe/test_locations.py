"""Places in errors: every part that the recipe has, and no part that only pydantic has."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

import distilray as dr
from distilray.recipe.locations import Place, resolve
from distilray.recipe.schema import Sections


def place_of(model: type[BaseModel], value: object) -> set[Place]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return {resolve(model, found["loc"])[0] for found in caught.value.errors()}


@pytest.mark.parametrize("name", ["teacher", "openai", "vllm", "echo", "str", "function-x", "ModelChoice"])
def test_a_model_keeps_its_name_whatever_it_is_called(name: str) -> None:
    assert place_of(Sections, {"models": {name: {"kind": "openai", "base_url": 3}}, "sources": []}) == {
        ("models", name, "base_url"), ("models", name, "model"), ("sources",),
    }  # fmt: skip


def test_a_setting_that_may_be_of_several_types_has_one_place() -> None:
    assert place_of(dr.steps.Answer, {"model": 3}) == {("model",)}
    assert place_of(dr.steps.Answer, {"model": {"by": "taste", "choose": {}, "otherwise": "x"}}) == {
        ("model",), ("model", "by"),
    }  # fmt: skip


def test_a_setting_that_may_be_none_is_looked_into() -> None:
    found = place_of(dr.train.SFTSettings, {"student": "s", "epochs": 1, "lora": {"r": "many", "targets": 5}})
    assert found == {("lora", "r"), ("lora", "targets")}


def test_items_of_lists_and_mappings_keep_number_and_key() -> None:
    source = {"name": "rows", "path": "x", "columns": {"vllm": 3}}
    assert place_of(Sections, {"sources": [source]}) == {("sources", 0, "columns", "vllm")}


def test_the_fields_that_could_have_been_meant_are_those_of_the_model_at_the_place() -> None:
    _, fields = resolve(Sections, ("models", "teacher", "echo"))
    assert "latency_s" in fields and "base_url" not in fields
    _, fields = resolve(Sections, ("sources", 0))
    assert "with" in fields and "with_" not in fields
