"""One seed of a world: its rows, its students and what these answered, each made once and kept.

    runs/claims/style/<sizes>/seed-1/rows/pairs.jsonl          rows
                                     stages/align/             the run that made them
                                     students/dpo_1e-4/        the run that trained a student and asked it
                                     cells/dpo_1e-4.json       what it answered: a cell of the comparison

A cell counts as done while its file has the mark of the training's settings, its rows and its start: after a change of
these it is made again, and so are those that start from it. Rows are kept as they are; delete them (or the whole
folder) after changing how they are made.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record
from benchmarks.claims.evaluation import GREEDY, SAMPLED, answers, held_out
from benchmarks.claims.problems import read_records, write_records
from benchmarks.claims.trainings import RESOURCES
from benchmarks.claims.world import STUDENT, Variant, World, model
from distilray.evaluate import STUDENT_AFTER
from distilray.ledger import fingerprint

COLUMNS = {"beta": "float"}
"""What rows may have beyond the columns of every source."""


class Sitting:
    """Rows and students of ``seed`` in ``directory``; nothing is made before it is asked for."""

    def __init__(self, world: World, directory: Path, seed: int) -> None:
        self.world, self.directory, self.seed = world, directory / f"seed-{seed}", seed

    # Rows

    def rows(self, name: str) -> Path:
        """The file with these rows of the world."""
        path = self.directory / "rows" / f"{name}.jsonl"
        return path if path.is_file() else write_records(path, self.world.rows[name](self))

    def records(self, name: str) -> list[dict[str, Any]]:
        return read_records(self.rows(name))

    def run(self, name: str, recipe: dr.Recipe) -> dr.Run:
        """Runs a recipe that makes rows, or finishes it."""
        return dr.run(recipe, directory=self.directory / "stages" / name)

    # Students

    def student(self, variant: str | None) -> str:
        """The checkpoint of ``variant``, which is trained if it is not there yet; None: the world's student."""
        made = self.world.variants[variant] if variant is not None else None
        if variant is None or made is None or not made.trainings:
            return self.world.student
        self.cell(variant)
        return str(self._place(variant) / "training" / made.trainings[-1].name / "final")

    def cell(self, name: str) -> dict[str, Any]:
        """What the student of the variant ``name`` answered."""
        mark = self.mark(name)
        kept = self.kept(name)
        if kept is not None and kept["mark"] == mark:
            return kept
        began = time.monotonic()
        start = self.student(self.world.variants[name].start)
        cell = {"variant": name, "seed": self.seed, "mark": mark, "settings": self.settings(name)}
        cell |= {"commit": record.commit(), **self._measured(name, start)}
        cell["seconds"] = round(time.monotonic() - began, 1)
        write_records(self._cell(name), [cell])
        return cell

    def kept(self, name: str) -> dict[str, Any] | None:
        """The cell that an earlier sitting left, whatever its mark."""
        path = self._cell(name)
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def mark(self, name: str) -> str:
        """Changes with the variant's settings, its rows, its start and the questions; rows are made for it."""
        variant = self.world.variants[name]
        used = [rows for rows in (variant.rows, variant.ranked) if rows is not None]
        digests = [hashlib.blake2b(self.rows(rows).read_bytes(), digest_size=8).hexdigest() for rows in used]
        return fingerprint([self.settings(name), digests, self.mark(variant.start) if variant.start else None])

    def settings(self, name: str) -> str:
        """Changes with the settings of the variant and of all that it continues; known without its rows."""
        world, variant = self.world, self.world.variants[name]
        start = self.settings(variant.start) if variant.start else model(world.student).weights_id()
        trainings = [settings.model_dump(mode="json") for settings in variant.trainings]
        return fingerprint([trainings, variant.rows, variant.ranked, start, world.questions, self.seed])

    def _measured(self, name: str, start: str) -> dict[str, Any]:
        variant = self.world.variants[name]
        recipe = self.recipe(variant, start)
        run = dr.run(recipe, directory=self._place(name))
        asked = STUDENT_AFTER if variant.trainings else STUDENT
        found: dict[str, Any] = {how: answers(run.store, asked, how, self.world.questions) for how in (GREEDY, SAMPLED)}
        found |= {"steps": variant.steps, "rows": self._rows_trained(run, recipe, variant)}
        for settings in variant.trainings:
            path = f"training/{settings.name}/reference.json"
            if run.store.exists(path):
                found["reference"] = run.store.read_json(path)
        if variant.ranked is not None:
            from benchmarks.claims.ranking import ranking  # torch

            pairs, after = self.records(variant.ranked), run.student
            assert after is not None
            found |= {"ranked_before": ranking(start, pairs), "ranked_after": ranking(after, pairs)}
        return found

    def _rows_trained(self, run: dr.Run, recipe: dr.Recipe, variant: Variant) -> int:
        """How many rows each training saw: all that there are, or the comparison is not fair."""
        from distilray.train import read_tokens

        given = len(self.records(variant.rows)) if variant.rows else 0
        for entry in recipe.train:
            kept = read_tokens(run.store, f"{entry.directory}/tokens").counts.kept
            if kept != given:
                raise RuntimeError(f"{run.directory}: training {entry.name!r} took {kept} of {given} rows")
        return given

    def recipe(self, variant: Variant, start: str) -> dr.Recipe:
        """Trains the student at ``start`` as ``variant`` says, without steps, and asks it the held-out problems."""
        trainings = [settings.model_copy(update={"seed": self.seed}) for settings in variant.trainings]
        if variant.rows is not None:
            source = dr.Source(name="rows", path=str(self.rows(variant.rows)), keep=COLUMNS)
        else:
            source = dr.Source(name="rows", uses="distilray.practice:problems", with_={"rows": 1, "seed": 0})
        return dr.Recipe(
            name=self.world.name,
            seed=self.seed,
            models={**self.world.models, STUDENT: model(start, max_model_len=512)},
            sources=[source],
            train=[dr.TrainEntry(settings, RESOURCES) for settings in trainings],
            evaluate=held_out(self.seed, self.world.questions, STUDENT_AFTER if trainings else STUDENT),
        )

    def _place(self, name: str) -> Path:
        return self.directory / "students" / name

    def _cell(self, name: str) -> Path:
        return self.directory / "cells" / f"{name}.json"
