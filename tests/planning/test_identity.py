"""What decides whether a step runs again."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import distilray as dr
from distilray.planning.identity import step_identity

TYPED = """
from distilray import Step, kept

class Shout(Step):
    async def process(self, row, models):
        return kept(answer=[word.{method}() for word in row["answer"].split()])
"""


def identity(monkeypatch: pytest.MonkeyPatch, method: str) -> dict:
    """Of a step typed into a notebook, whose module has no file."""
    module = ModuleType("typed_into_a_notebook")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(TYPED.format(method=method), module.__dict__)
    recipe = dr.Recipe(sources=[dr.Source(name="rows", path="rows.jsonl")], steps=[module.Shout()])
    return step_identity(recipe.all_steps()[0], {})


def test_a_step_typed_into_a_notebook_is_known_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity(monkeypatch, "upper") == identity(monkeypatch, "upper")
    assert identity(monkeypatch, "upper") != identity(monkeypatch, "lower")
