"""Variants over seeds: the committed figures follow from the committed runs, and all variants train alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import distilray as dr
from benchmarks import kd_claim, record
from benchmarks.comparison import summary, table


@pytest.mark.parametrize("program", ["kd_claim", "ds3_claim"])
def test_committed_figures_follow_from_the_runs(program: str):
    found = json.loads((record.RESULTS / f"{program}.json").read_text("utf-8"))["variants"]
    summaries = {variant: summary(of_variant["runs"]) for variant, of_variant in found.items()}
    for variant, of_variant in found.items():
        assert {key: summaries[variant][key] for key in of_variant} == of_variant
    lines = table(summaries).splitlines()
    assert lines[0].split() == ["accuracy", "spread", "tokens", "seeds"]
    assert [line.split()[0] for line in lines[1:]] == list(found)


def test_one_seed_has_no_spread():
    of_one = summary([{"accuracy": 0.25, "mean_output_tokens": 40.0}])
    assert of_one["spread"] is None
    assert table({"sft": of_one}).splitlines()[1].split() == ["sft", "0.250", "40.0", "1"]


def test_every_variant_takes_the_same_number_of_steps(tmp_path: Path):
    data = tmp_path / "pairs.jsonl"
    kd_claim.write_pairs(data, 4, seed=1)
    recipe = dr.load_recipe(record.ROOT / kd_claim.RECIPE)
    for variant in kd_claim.VARIANTS:
        trainings = kd_claim.VARIANTS[variant](kd_claim.common(32, seed=3), 400)
        made = kd_claim.recipe_of(recipe, 3, data, trainings, 10)
        assert sum(entry.settings.max_steps or 0 for entry in made.train) == 400
        assert {entry.settings.seed for entry in made.train} == {made.seed} == {3}
