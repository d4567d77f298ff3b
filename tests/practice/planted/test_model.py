"""The planted model in a recipe, and what it refuses."""

from __future__ import annotations

import asyncio

import pytest

from distilray.models import GenerateRequest, ModelError, Sampling
from distilray.practice import PlantedModel
from distilray.practice.planted.model import PlantedEngine
from distilray.practice.planted.reading import PLAYED
from distilray.practice.planted.replies import REPLIES
from distilray.prompts import RATE_TRACE
from distilray.recipe import parse
from distilray.rows import Row

RECIPE = """
models: {writer: {uses: "distilray.practice:PlantedModel", wrong: 0.2}}
sources: [{name: rows, path: rows.jsonl}]
steps: [{classify_task: {model: writer}}]
"""


def test_it_is_named_by_its_place_and_written_back_alike() -> None:
    recipe = parse(RECIPE, "r.yaml")
    model = recipe.models["writer"]
    assert isinstance(model, PlantedModel) and (model.wrong, model.cpus) == (0.2, 0.1)
    assert parse(recipe.to_yaml(), "again.yaml") == recipe
    assert model.weights_id() != PlantedModel(wrong=0.3).weights_id()  # another share: other replies


def test_it_plays_each_of_its_prompts_and_no_other() -> None:
    assert {prompt.name for prompt in PLAYED} == set(REPLIES)
    row = Row({"id": "r", "language": "en", "messages": [{"role": "user", "content": "2+2?"}]})
    request = GenerateRequest(RATE_TRACE.messages(row, trace="4", answer=None), Sampling(), 1, "r")
    with pytest.raises(ModelError, match="writer/0: a planted model plays the prompts synthesize, .* none of them"):
        asyncio.run(PlantedEngine("writer/0", PlantedModel()).generate(None, request))
