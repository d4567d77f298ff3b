"""A small recipe around the echo engine, for tests of everything around a model."""

from __future__ import annotations

import json
import random
from pathlib import Path

RECIPE = """
name: echo
models:
  teacher: {{kind: echo, tokens: 8, latency_s: {latency}}}
sources:
  - {{name: rows, path: {folder}/rows.jsonl, language: en}}
steps:
  - answer: {{model: teacher}}
  - check: {{language: false}}
  - select: {{by: answer_tokens, at_least: 1}}
resources: {{unit_rows: 32, runners: {runners}, runner_cpus: 0.1, rows_in_flight: {in_flight}}}
"""


def noise(seed: int, characters: int) -> str:
    """Words that are none."""
    letters = random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz    ", k=characters)
    return "".join(letters)


def write(
    folder: Path, rows: int = 200, latency: float = 0.0, runners: int = 2, in_flight: int = 64, padding: int = 0
) -> str:
    """The recipe's path; its rows ask ``marker-K`` after ``padding`` characters, and the known answer is K."""
    with (folder / "rows.jsonl").open("w") as file:
        for k in range(rows):
            file.write(
                json.dumps({"instruction": f"{noise(k, padding)}marker-{k} what is {k}", "reference": str(k)}) + "\n"
            )
    text = RECIPE.format(folder=folder, latency=latency, runners=runners, in_flight=in_flight)
    (folder / "recipe.yaml").write_text(text)
    return str(folder / "recipe.yaml")
