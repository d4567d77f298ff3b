"""A kind of model from outside distilray: settings and engine in a package of the user's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from distilray.models import AnyModel, parse_model
from tests.support.paths import ROOT

PACKAGE = '''
"""A model that shouts."""

from typing import ClassVar

from pydantic import Field

from distilray.models import Engine, GenerateRequest, GenerativeModel, ModelError, Reply


class ShoutEngine(Engine):
    async def generate(self, prompt: None, request: GenerateRequest) -> list[Reply]:
        text = request.messages[-1]["content"]
        if not text.isascii():
            raise ModelError("it shouts in English alone")
        return [Reply(text.upper() + self.settings.mark, "stop", tokens_in=1, tokens_out=1)] * request.n


class ShoutModel(GenerativeModel):
    """Says again what it hears, louder."""

    engine_class: ClassVar = ShoutEngine

    mark: str = Field(default="!", description="what a reply ends in")
'''

PROGRAM = """
import asyncio, json
import ray
from distilray.models import ClassifyRequest, EnginePools, GenerateRequest, PoolClient, Sampling, parse_model

def ask(text):
    return GenerateRequest([{"role": "user", "content": text}], Sampling(), 0, text, n=2)

async def work(handles):
    async with PoolClient(handles) as client:
        asked = [client.ask("loud", one) for one in (ask("hey"), ask("嘿"), ClassifyRequest({"answer": "a"}, "r"))]
        found = await asyncio.gather(*asked, return_exceptions=True)
        return [[reply.text for reply in one] if isinstance(one, list) else repr(one) for one in found]

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
with EnginePools("brought") as pools:
    loud = parse_model({"uses": "shouting:ShoutModel", "mark": "?", "cpus": 0.5, "replicas": 2})
    handles = pools.start({"loud": loud})
    print(json.dumps(asyncio.run(work(handles))))
ray.shutdown()
"""


class Models(BaseModel):
    """As a recipe holds them."""

    models: dict[str, AnyModel]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shouting.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("shouting", None)


def test_a_recipe_names_it_by_uses_and_is_written_down_as_it_was_named(package: Path) -> None:
    document = {"uses": "shouting:ShoutModel", "mark": "?", "sampling": {"temperature": 0.5}, "replicas": 2}
    model = parse_model(document)
    assert type(model).__name__ == "ShoutModel" and model.mark == "?" and model.kind == "shouting:ShoutModel"
    recipe = Models.model_validate({"models": {"loud": document, "plain": {"kind": "echo"}}})
    assert recipe.models["loud"] == model
    written = yaml.safe_load(yaml.safe_dump(recipe.model_dump(mode="json")["models"]["loud"]))
    assert written["uses"] == "shouting:ShoutModel" and "kind" not in written
    assert parse_model(written) == model
    assert parse_model(model) is model


def test_its_own_settings_decide_which_replies_are_bought_anew(package: Path) -> None:
    def weights(**settings) -> str:
        return parse_model({"uses": "shouting:ShoutModel", **settings}).weights_id()

    assert weights() == weights(replicas=4, sampling={"temperature": 0.5})
    assert weights() != weights(mark="?")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"uses": "shouting:ShoutModel", "makr": "?"}, r"makr\n.*Extra inputs"),
        ({"uses": "shouting:ShoutModel", "mark": 3}, r"mark\n.*valid string"),
        ({"uses": "shouting:ShoutModel", "kind": "echo"}, "kind 'echo' and uses 'shouting:ShoutModel': give one"),
        ({"uses": "shouting:Shouter"}, "uses 'shouting:Shouter': .*has no Shouter"),
        ({"uses": "nowhere:Model"}, "uses 'nowhere:Model': No module named 'nowhere'"),
        ({"uses": "shouting:ShoutEngine"}, "is not a subclass of distilray.models.ModelSettings"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(package: Path, document: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        parse_model(document)
    assert caught.value.errors()[0]["loc"][0] == "uses"  # the union's tag, which errors of recipes leave out


@pytest.mark.slow
def test_it_answers_from_a_pool_like_any_other(package: Path) -> None:
    paths = os.pathsep.join([str(package), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    loud, foreign, label = json.loads(done.stdout.strip().splitlines()[-1])
    assert loud == ["HEY?", "HEY?"]
    assert foreign == "ModelError('it shouts in English alone')"
    assert label.startswith("ModelError('loud/") and "gives rows no labels" in label
