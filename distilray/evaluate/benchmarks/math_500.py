"""MATH-500: 500 competition problems of MATH, whose answer is a formula (Lightman et al. 2023, arXiv 2305.20050).

{"problem": "What is ...", "answer": "\\\\frac{3}{4}", "level": 3, "unique_id": "test/algebra/1.json"}
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
from distilray.evaluate.benchmarks.wording import FORMULA, after
from distilray.evaluate.recorded.responses import Response


class Math500(PublishedBenchmark):
    """MATH-500; an answer that is equivalent to the reference is right, however it is written."""

    name, title, questions = "math_500", "MATH-500", 500
    layout = Layout(
        source="test.jsonl of HuggingFaceH4/MATH-500 on the Hugging Face hub",
        files=(("test.jsonl",), ("math_500.jsonl",), ("test-*.parquet",), ("data/test-*.parquet",)),
        hub=Hub("HuggingFaceH4/MATH-500", ("test.jsonl",)),
    )
    asking = Asking(max_tokens=32768, prompt_tokens=130, reply_tokens=600)
    columns = ("problem", "answer")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        name, subject = str(record.get("unique_id") or ""), str(record.get("subject") or "")
        return Question(id=name, text=record["problem"], record=dict(record), subset=subject)

    def turns(self, question: Question) -> list[str]:
        return [after(question.text, FORMULA)]

    async def score(self, question: Question, response: Response) -> Score:
        return await graded("math", response, question.record["answer"])
