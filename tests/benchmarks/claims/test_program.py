"""Seeds that were measured in another sitting stay in the result file, unless the settings have changed since."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.claims.program import earlier
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import sft
from benchmarks.claims.world import Variant, World
from tests.benchmarks.claims.cells import cell
from tests.benchmarks.claims.test_sitting import a_world

SIZES = {"pairs": 2}


def found(folder: Path, world: World, *seeds: int, sizes: dict[str, int] = SIZES) -> list[tuple[str, int]]:
    """Variant and seed of the cells that a sitting of ``seeds`` keeps."""
    options = argparse.Namespace(out=folder / "small_claim.json", seeds=list(seeds))
    return [(each["variant"], each["seed"]) for each in earlier(world, sizes, folder, options)]


def left(folder: Path) -> list[tuple[str, int]]:
    """Writes what a sitting of the seeds 1 and 2 leaves, and returns its cells' variants and seeds."""
    cells: list[dict[str, Any]] = []
    for seed in (1, 2):
        sitting = Sitting(a_world(), folder, seed)
        cells += [cell(name, seed, "101", "210", settings=sitting.settings(name)) for name in a_world().variants]
    (folder / "small_claim.json").write_text(json.dumps({**SIZES, "cells": cells}), "utf-8")
    return [(each["variant"], each["seed"]) for each in cells]


def test_cells_of_other_seeds_are_kept_and_those_that_are_asked_for_are_not(tmp_path: Path):
    assert found(tmp_path, a_world(), 3) == []
    cells = left(tmp_path)
    assert found(tmp_path, a_world(), 3) == cells
    assert found(tmp_path, a_world(), 2) == [(name, seed) for name, seed in cells if seed == 1]


def test_what_was_made_with_other_settings_or_sizes_is_not_kept(tmp_path: Path):
    left(tmp_path)
    assert found(tmp_path, a_world(), 3, sizes={"pairs": 3}) == []
    assert found(tmp_path, replace(a_world(), questions=4), 3) == []
    start = Variant(sft(4, 1e-3), "gold")
    changed = replace(a_world(), variants={**a_world().variants, "start": start})
    assert found(tmp_path, changed, 3) == []  # all continue from it
    without = {name: variant for name, variant in a_world().variants.items() if name != "dpo"}
    assert {name for name, _ in found(tmp_path, replace(a_world(), variants=without), 3)} == {"start", "sft"}
