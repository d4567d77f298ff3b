"""What one seed has made is kept: cells are made once, and again only when what they follow from has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.claims import program
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import dpo, sft
from benchmarks.claims.world import Record, Variant, World, packaged
from tests.benchmarks.claims.cells import cell

PAIR = {"messages": [{"role": "user", "content": "2+3?"}], "chosen": "5", "rejected": "6"}


def a_world() -> World:
    return World(
        name="small",
        student=packaged("student_blank"),
        questions=3,
        rows={"gold": lambda sitting: [{**PAIR, "chosen": "five"}], "pairs": lambda sitting: [PAIR, PAIR]},
        variants={
            "start": Variant(sft(3, 1e-3), "gold"),
            "sft": Variant(sft(2, 1e-4), "pairs", start="start"),
            "dpo": Variant(dpo(2, 1e-4), "pairs", start="start", controls=("sft",)),
        },
    )


class Counting(Sitting):
    """Measures nothing, and notes what it was asked to."""

    made: list[str]
    broken: frozenset[str] = frozenset()

    def _measured(self, name: str, start: str) -> dict[str, Any]:
        if name in self.broken:
            raise RuntimeError("the engine is gone")
        self.made.append(name)
        found = cell(name, self.seed, "101", "210")
        return {key: found[key] for key in ("greedy", "sampled", "steps", "rows")}


def sit(folder: Path, world: World | None = None, seed: int = 1, broken: frozenset[str] = frozenset()) -> Counting:
    sitting = Counting(world or a_world(), folder, seed)
    sitting.made, sitting.broken = [], broken
    return sitting


def all_made(sitting: Counting, seeds: tuple[int, ...] = ()) -> list[dict[str, Any] | None]:
    return list(program.made(sitting, list(sitting.world.variants), seeds or (sitting.seed,)))


def test_cells_are_made_once(tmp_path: Path):
    first = sit(tmp_path)
    cells = all_made(first)
    assert first.made == ["start", "sft", "dpo"]
    second = sit(tmp_path)
    assert all_made(second) == cells and second.made == []
    other = sit(tmp_path, seed=2)
    all_made(other)
    assert other.made == ["start", "sft", "dpo"]


def test_a_cell_brings_its_start_with_it(tmp_path: Path):
    sitting = sit(tmp_path)
    sitting.cell("dpo")
    assert sitting.made == ["start", "dpo"]
    assert sitting.student("dpo") == str(tmp_path / "seed-1/students/dpo/training/dpo/final")
    assert sitting.student(None) == packaged("student_blank")
    assert sitting.made == ["start", "dpo"]


def test_one_that_fails_keeps_no_other_from_being_made_and_is_tried_again(tmp_path: Path, capsys):
    broken = sit(tmp_path, broken=frozenset({"sft"}))
    cells = all_made(broken)
    assert [found and found["variant"] for found in cells] == ["start", None, "dpo"]
    assert "[2/3] small: sft, seed 1 FAILED" in capsys.readouterr().err
    later = sit(tmp_path)
    assert None not in all_made(later) and later.made == ["sft"]


def test_what_was_cut_off_is_not_a_cell(tmp_path: Path):
    sitting = sit(tmp_path)
    cells = tmp_path / "seed-1" / "cells"
    cells.mkdir(parents=True)
    (cells / "start.partial").write_text('{"variant": "sta', "utf-8")
    sitting.cell("start")
    assert sitting.made == ["start"] and sit(tmp_path).kept("start")


def test_a_changed_start_is_made_again_with_all_that_continue_it(tmp_path: Path):
    all_made(sit(tmp_path))
    world = a_world()
    changed = replace(world, variants={**world.variants, "start": Variant(sft(4, 1e-3), "gold")})
    sitting = sit(tmp_path, changed)
    all_made(sitting)
    assert sitting.made == ["start", "sft", "dpo"]


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({"variants": {**a_world().variants, "dpo": Variant(dpo(2, 3e-4), "pairs", start="start")}}, ["dpo"]),
        ({"questions": 4}, ["start", "sft", "dpo"]),
        ({"student": packaged("student_warm")}, ["start", "sft", "dpo"]),
    ],
)
def test_only_what_follows_from_a_change_is_made_again(tmp_path: Path, changes: dict[str, Any], made: list[str]):
    all_made(sit(tmp_path))
    sitting = sit(tmp_path, replace(a_world(), **changes))
    all_made(sitting)
    assert sitting.made == made


def test_other_rows_make_other_cells(tmp_path: Path):
    all_made(sit(tmp_path))
    (tmp_path / "seed-1" / "rows" / "pairs.jsonl").unlink()
    rows = {**a_world().rows, "pairs": lambda sitting: [PAIR]}
    sitting = sit(tmp_path, replace(a_world(), rows=rows))
    all_made(sitting)
    assert sitting.made == ["sft", "dpo"]


def test_rows_are_made_once_and_whole(tmp_path: Path):
    calls = 0

    def rows(sitting: Sitting) -> list[Record]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("killed")
        return [PAIR]

    world = replace(a_world(), rows={"gold": rows})
    with pytest.raises(RuntimeError, match="killed"):
        sit(tmp_path, world).rows("gold")
    assert sit(tmp_path, world).records("gold") == [PAIR]
    assert sit(tmp_path, world).records("gold") == [PAIR] and calls == 2


def test_what_is_left_takes_as_long_as_it_did_before():
    known = {"start": [100.0, 120.0], "dpo": [40.0]}
    assert program.eta(known, ["start", "dpo"]) == pytest.approx(150.0)
    assert program.eta(known, ["unknown"]) == pytest.approx(260.0 / 3)
    assert program.eta({}, ["start"]) == 0.0


def test_progress_says_what_came_out_and_how_much_is_left(tmp_path: Path, capsys):
    all_made(sit(tmp_path), seeds=(1, 2))
    shown = capsys.readouterr().out.splitlines()
    assert shown[-2].endswith("[3/6] small: dpo, seed 1 ...")
    assert shown[-1].startswith(
        "[3/6] small: dpo, seed 1: greedy 0.667 (46.0 tokens), sampled 0.500 (48.5 tokens), 0 s"
    )
    assert shown[-1].endswith("; 3 left, about 0 min")


def test_variants_bring_what_they_are_compared_with():
    assert a_world().chosen(["dpo"]) == ["start", "sft", "dpo"]
    assert a_world().chosen(["sft"]) == ["start", "sft"]
