"""What is scaled up: JSON lines that the echo engine answers and a check verifies."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

import distilray as dr
from distilray.prompts import ANSWER
from distilray.rows import Outcome, Row, kept
from distilray.steps import ModelName, Models, Step

FILES = 8
PHASE = "steps/01-Asked+check"


class Asked(Step):
    """Asks once, and leaves the time of a process's first reply that was not replayed."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {"answer": "string", "answer_tokens": "int"}
    prompts: ClassVar = (ANSWER,)

    model: ModelName
    stamps: Annotated[str, Field(description="folder for these times, one file a process")]

    async def process(self, row: Row, models: Models) -> Outcome:
        [reply] = await models[self.model].replies(ANSWER, row)
        if not reply.replayed:
            stamp(self.stamps)
        return kept(answer=reply.text, answer_tokens=reply.tokens_out)


_stamped: set[str] = set()


def stamp(folder: str) -> None:
    if folder not in _stamped:
        _stamped.add(folder)
        Path(folder, str(os.getpid())).write_text(repr(time.time()))


def first_stamp(folder: Path) -> float:
    """Seconds since the epoch. Raises ValueError where no process has left one."""
    return min(float(path.read_text()) for path in folder.iterdir())


def write_rows(folder: Path, rows: int) -> None:
    """Questions that end in their own answers, so that the echo is right; in files of equal size."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        with (folder / f"{number:02d}.jsonl").open("w") as file:
            for k in range(rows * number // FILES, rows * (number + 1) // FILES):
                asked = f"Repeat what follows, word by word, and say nothing else: the answer is {k}"
                file.write(json.dumps({"instruction": asked, "reference": str(k)}) + "\n")


def recipe_of(folder: Path, rows: int, runners: int, in_flight: int) -> dr.Recipe:
    """A recipe over ``rows`` rows, which it writes below ``folder``."""
    write_rows(folder / "rows", rows)
    stamps = folder / "stamps"
    stamps.mkdir(exist_ok=True)
    return dr.Recipe(
        name="scale",
        models={"teacher": dr.EchoModel(tokens=16, concurrency=4096)},
        sources=[dr.Source(name="rows", path=str(folder / "rows"), language="en")],
        steps=[Asked(model="teacher", stamps=str(stamps)), dr.steps.Check(language=True)],
        resources=dr.Resources(runners=runners, runner_cpus=0.5, rows_in_flight=in_flight),
    )
