"""GSM8K: 1,319 grade-school word problems, whose answer is a number (Cobbe et al. 2021, arXiv 2110.14168).

{"question": "Natalia sold clips to 48 of her friends ...", "answer": "Natalia sold 48/2 = 24 ...\\n#### 72"}

A response's number is the one that it marks or states (``#### 72``, ``\\boxed{72}``, "the answer is 72"), else the one
that it ends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.published import (
    Asking,
    Hub,
    Layout,
    PublishedBenchmark,
    Question,
    Score,
    graded,
)
from distilray.evaluate.benchmarks.wording import NUMBER, after
from distilray.evaluate.recorded.responses import Response


class Gsm8k(PublishedBenchmark):
    """GSM8K's test split."""

    name, title, questions = "gsm8k", "GSM8K", 1319
    layout = Layout(
        source="test.jsonl of openai/grade-school-math, or main/test-*.parquet of openai/gsm8k on the hub,",
        files=(("test.jsonl",), ("grade_school_math/data/test.jsonl",), ("main/test-*.parquet",), ("test-*.parquet",)),
        hub=Hub("openai/gsm8k", ("main/test-*.parquet",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=130, reply_tokens=200)
    columns = ("question", "answer")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        return Question(text=record["question"], record=dict(record))

    def turns(self, question: Question) -> list[str]:
        return [after(question.text, NUMBER)]

    async def score(self, question: Question, response: Response) -> Score:
        return await graded("numeric", response, question.record["answer"])
