"""IFEval: 541 prompts with 834 instructions that code can check (Zhou et al. 2023, arXiv 2311.07911).

{"key": 1001, "prompt": "... no commas, please ...", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}

By prompt: all its instructions are followed. By instruction: the share of all. Loosely: first and last lines and
asterisks are forgiven. The instructions of one prompt are one cluster of the standard error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.published import (
    Asking,
    BenchmarkDataError,
    Hub,
    Layout,
    PublishedBenchmark,
    Question,
    Score,
)
from distilray.evaluate.recorded.responses import Response, final_text
from distilray.verifiers import INSTRUCTIONS, grade, instruction_name


class Ifeval(PublishedBenchmark):
    """IFEval; metrics are called as lm-evaluation-harness calls them."""

    name, title, questions = "ifeval", "IFEval", 541
    metrics = ("prompt_level_strict_acc", "inst_level_strict_acc", "prompt_level_loose_acc", "inst_level_loose_acc")
    layout = Layout(
        source="ifeval_input_data.jsonl of google/IFEval on the Hugging Face hub",
        files=(("ifeval_input_data.jsonl",), ("*input_data.jsonl",), ("*.parquet",), ("data/*.parquet",)),
        hub=Hub("google/IFEval", ("ifeval_input_data.jsonl",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=60, reply_tokens=450)
    columns = ("prompt", "instruction_id_list", "kwargs")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        unknown = [name for name in record["instruction_id_list"] if instruction_name(name) not in INSTRUCTIONS]
        if unknown:
            raise BenchmarkDataError(
                f"the instruction {unknown[0]!r} is none of IFEval's {len(INSTRUCTIONS)}\n  {self.remedy}"
            )
        name = "" if record.get("key") is None else str(record["key"])
        return Question(id=name, text=record["prompt"], record=dict(record))

    async def score(self, question: Question, response: Response) -> Score:
        text, _ = final_text(response.text)
        asked = {name: question.record[name] for name in ("instruction_id_list", "kwargs")}
        values: dict[str, float] = {}
        weights: dict[str, float] = {}
        followed: dict[str, list[bool]] = {}
        for mode in ("strict", "loose"):
            verdict = await grade("format", text, asked, loose=mode == "loose")
            if "followed" not in verdict.detail:  # its arguments are not the instruction's, or time ran out
                reason = f"cannot be checked: {verdict.reason}"
                return Score(values=dict.fromkeys(self.metrics, 0.0), parsed=False, reason=reason)
            followed[mode] = verdict.detail["followed"]
            values[f"prompt_level_{mode}_acc"] = float(all(followed[mode]))
            values[f"inst_level_{mode}_acc"] = float(sum(followed[mode]))
            weights[f"inst_level_{mode}_acc"] = float(len(followed[mode]))
        missed = [name for name, met in zip(asked["instruction_id_list"], followed["strict"], strict=True) if not met]
        return Score(
            values=values,
            weights=weights,
            parsed=bool(text.strip()),
            reason=f"does not follow {', '.join(missed)}" if missed else "follows all",
            detail={"instructions": list(asked["instruction_id_list"]), **followed},
        )
