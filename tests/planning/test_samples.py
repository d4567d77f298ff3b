"""A sample of the rows is put through a recipe whose numbers of rows are as much smaller."""

from __future__ import annotations

from distilray.planning import for_sample
from distilray.recipe import parse

RECIPE = """
models: {teacher: {kind: echo}, student: {path: a/b}}
sources: [{name: rows, path: rows.jsonl, language: en}]
steps:
  - select: {top: 10}
  - repeat:
      rounds: 2
      carry_over: kept
      until: {rows: 1000}
      steps:
        - balance: {shares: {math: 0.5, others: 0.5}, rows: 1000, short: expand, most_new: 100}
        - expand: {model: teacher}
  - balance: {shares: {math: 0.5, others: 0.5}}
  - answer: {model: teacher}
train: [{kind: sft, student: student, epochs: 1}]
"""


def test_numbers_of_rows_shrink_and_nothing_else() -> None:
    recipe = parse(RECIPE, "r.yaml")
    found, whole = for_sample(recipe, 0.05).document(), recipe.document()
    select, repeat, *_ = found["steps"]
    assert select["select"].pop("top") == 1  # never none
    assert repeat["repeat"]["until"].pop("rows") == 50
    balance = repeat["repeat"]["steps"][0]["balance"]
    assert (balance.pop("rows"), balance.pop("most_new")) == (50, 5)
    del whole["steps"][0]["select"]["top"], whole["steps"][1]["repeat"]["until"]["rows"]
    for count in ("rows", "most_new"):
        del whole["steps"][1]["repeat"]["steps"][0]["balance"][count]
    assert found == whole


def test_a_sample_that_is_all_rows_changes_nothing() -> None:
    recipe = parse(RECIPE, "r.yaml")
    assert for_sample(recipe, 1.5) is recipe
    assert for_sample(recipe, 0.5).origin == "r.yaml"
