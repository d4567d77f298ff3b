"""A recipe's text is data: its YAML makes mappings, lists, numbers and text, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.recipe import RecipeError, load_recipe

TAGS = [
    "!!python/object/apply:os.system ['touch {mark}']",
    "!!python/object/new:os.system ['touch {mark}']",
    "!!python/name:os.system",
    "!!python/module:this",
    '!!python/object/apply:builtins.exec [\'open("{mark}", "w")\']',
]


@pytest.mark.parametrize("tag", TAGS)
def test_python_in_yaml_is_refused_and_not_run(tag: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "recipe.yaml").write_text(f"name: {tag.format(mark=mark)}\n")
    with pytest.raises(RecipeError, match="not YAML"):
        load_recipe(tmp_path / "recipe.yaml")
    with pytest.raises(RecipeError):
        (tmp_path / "plain.yaml").write_text("name: plain\n")
        load_recipe(tmp_path / "plain.yaml", [f"name={tag.format(mark=mark)}"])
    assert not mark.exists()
