"""A recipe's relative paths mean the same wherever its rows are read afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.evaluate import Questions
from distilray.recipe import Recipe, parse
from distilray.sources import Source, check_source, rows_of

RECIPE = """
sources:
  - {name: one, path: rows.jsonl}
  - {name: folder, path: data}
  - {name: glob, path: "./data/*/a.jsonl"}
  - {name: made, uses: "distilray.practice:problems", with: {rows: 2, seed: 1}}
  - {name: far, path: "s3://bucket/rows.jsonl"}
evaluate:
  - {name: held, models: [none], source: {name: held, path: held.jsonl}}
models: {none: {kind: echo}}
"""


def project(folder: Path) -> Path:
    for name in ("rows.jsonl", "data/a.jsonl", "data/in/a.jsonl", "held.jsonl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({"instruction": name, "output": "x"}) + "\n")
    return folder


def read_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(folder)
    return parse(RECIPE, "r.yaml")


def test_local_paths_are_those_of_where_the_recipe_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_in(project(tmp_path / "here"), monkeypatch)
    monkeypatch.chdir(project(tmp_path / "worker"))
    here = str(tmp_path / "here")
    paths = [source.path for source in recipe.sources]
    assert paths == [f"{here}/rows.jsonl", f"{here}/data", f"{here}/data/*/a.jsonl", None, "s3://bucket/rows.jsonl"]
    (held,) = recipe.evaluate
    assert isinstance(held, Questions)
    assert held.source.path == f"{here}/held.jsonl"
    assert parse(recipe.to_yaml(), "again.yaml") == recipe
    assert Recipe(sources=[Source(name="s", path="x.jsonl")]).sources[0].path == str(tmp_path / "worker" / "x.jsonl")


def test_ids_of_rows_do_not_depend_on_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("a", "b/deeper"):
        recipe = read_in(project(tmp_path / name), monkeypatch)
        monkeypatch.chdir(tmp_path)
        rows = [list(rows_of(s, file)) for s in recipe.sources if s.name != "far" for file in check_source(s)]
        found.append([(row["id"], row["content_hash"]) for some in rows for row in some])
    assert found[0] == found[1]
    ids = [row_id for row_id, _ in found[0]]
    assert ids[:4] == ["one/rows.jsonl:1", "folder/a.jsonl:1", "folder/in/a.jsonl:1", "glob/in/a.jsonl:1"]
