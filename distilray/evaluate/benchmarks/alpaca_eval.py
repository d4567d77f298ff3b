"""AlpacaEval 2.0: 805 instructions; a judge compares each response with the baseline's (Dubois et al., 2404.04475).

{"instruction": "...", "output_1": the baseline's, "output_2": the model's, "generator_2": "gemma-2b-it",
 "annotator": "weighted_alpaca_eval_gpt4_turbo", "preference": 1.0000098183}

A preference is from 1 (the baseline's is better) to 2 (the model's); win rates are percentages, as on the board. The
length-controlled one is in length_control.py.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from distilray.evaluate.benchmarks.length_control import controlled_win_rate
from distilray.evaluate.benchmarks.published import (
    Asking,
    Hub,
    Layout,
    PublishedBenchmark,
    Question,
    Score,
    Scored,
)
from distilray.evaluate.recorded.matching import plain
from distilray.evaluate.recorded.responses import Response, final_text
from distilray.evaluate.statistics import Estimate, ratio

DRAW = 1.5


class AlpacaEval(PublishedBenchmark):
    """AlpacaEval 2.0, from recorded annotations or a judge's own."""

    name, title, questions, release = "alpaca_eval", "AlpacaEval 2.0", 805, "2.0, against gpt4_1106_preview"
    metrics = ("win_rate", "discrete_win_rate")
    highest, judged, pass_at = 100.0, True, False
    layout = Layout(
        source="annotations.json of results/MODEL/weighted_alpaca_eval_gpt4_turbo in tatsu-lab/alpaca_eval",
        files=(("annotations.json*",),),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=60, reply_tokens=450)
    columns = ("instruction",)

    def asker(self) -> AlpacaEvalInstructions:
        return AlpacaEvalInstructions()

    def known_questions(self) -> list[Question]:
        """The 805 instructions by their places; their texts are known by hash, since the data set is not ours."""
        return [Question(id=str(place), text="") for place in _places().values()]

    def key_of(self, response: Response) -> str | None:
        place = _places().get(_hash(str(response.record.get("instruction") or "")))
        return None if place is None else str(place)

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        return Question(text=record["instruction"])

    async def score(self, question: Question, response: Response) -> Score:
        preference = response.record.get("preference")
        if preference is None or math.isnan(float(preference)):
            return Score(values={}, parsed=False, reason="no preference")
        won = (DRAW if preference == 0 else float(preference)) - 1.0
        discrete = 50.0 if won == 0.5 else 100.0 * (won > 0.5)
        return Score(values={"win_rate": 100.0 * won, "discrete_win_rate": discrete}, reason=f"preference {preference}")

    def annotations(self, responses: str, model: str, data_dir: str | None) -> list[str]:
        """Beside model_outputs.json, or below the data directory, in the project's folders."""
        roots = [Path(responses).parent, *([Path(data_dir), Path(data_dir) / self.name] if data_dir else [])]
        patterns = (
            "annotations.json*",
            "*/annotations.json*",
            f"{model}.annotations.json*",
            f"{model}/*/annotations.json*",
        )
        return [str(path) for root in roots for pattern in patterns for path in sorted(root.glob(pattern))]

    def more_metrics(self, scored: Sequence[Scored], folder: str | None) -> tuple[dict[str, Estimate], list[str]]:
        """The length-controlled win rate, where the data directory has what it needs."""
        judged = [one for one in scored if one.score.parsed]
        lengths = [len(final_text(one.response.text)[0]) for one in judged]
        found: dict[str, Estimate] = {"mean_length": ratio([float(length) for length in lengths])} if judged else {}
        shorter = [
            len(str(one.response.record["output_1"])) - length for one, length in zip(judged, lengths, strict=True)
        ]
        if any(_hash(one.question.text) not in _places() for one in judged if one.question.text):
            return found, ["no length-controlled win rate: these are not AlpacaEval's 805 instructions"]
        # As on the board, the n-th annotation has the n-th difficulty, even where instructions before it are missing.
        present = sorted({int(one.question.id) for one in scored})
        rank = {place: n for n, place in enumerate(present)}
        places = [rank[int(one.question.id)] for one in judged]
        wins = [one.score.values["win_rate"] / 100.0 for one in judged]
        controlled, lack = controlled_win_rate(wins, shorter, places, folder)
        if controlled is not None:
            found["length_controlled_win_rate"] = controlled
        return found, [lack] if lack else []


class AlpacaEvalInstructions(AlpacaEval):
    """The instructions as they are asked, with the baseline's outputs, which a judge compares with a model's."""

    layout = Layout(
        source="alpaca_eval_gpt4_baseline.json of tatsu-lab/alpaca_eval on the hub (outputs of gpt4_1106_preview)",
        files=(("alpaca_eval_gpt4_baseline.json",), ("model_outputs.json",)),
        hub=Hub("tatsu-lab/alpaca_eval", ("alpaca_eval_gpt4_baseline.json",)),
    )
    columns = ("instruction", "output")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        place = _places().get(_hash(record["instruction"]))
        named = "" if place is None else str(place)
        return Question(id=named, text=record["instruction"], record={"output_1": record["output"]})

    def answered(self, question: Question) -> list[tuple[Question, dict[str, Any]]]:
        return [(question, {"instruction": question.text, **question.record})]


def _hash(instruction: str) -> str:
    return hashlib.sha256(plain(instruction).encode()).hexdigest()[:8]


@cache
def _places() -> dict[str, int]:
    """The place of each instruction, by its hash: the order is part of the benchmark, since difficulties go by it."""
    text = files("distilray.evaluate.benchmarks").joinpath("alpaca_eval_instructions.txt").read_text("ascii")
    return {line: place for place, line in enumerate(text.split())}
