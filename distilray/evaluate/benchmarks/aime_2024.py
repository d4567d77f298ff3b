"""AIME 2024: the 30 problems of the American Invitational Mathematics Examinations I and II, answered by 0 to 999.

{"ID": "2024-I-4", "Problem": "Jen enters a lottery ...", "Answer": 116}          Maxwell-Jia/AIME_2024
{"id": 60, "problem": "Every morning Aya goes ...", "answer": "204", "url": ...}   HuggingFaceH4/aime_2024

Thirty problems say little each: evaluate many samples of each, and read the standard error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.published import (
    BenchmarkDataError,
    Layout,
    PublishedBenchmark,
    Question,
    Score,
    graded,
)
from distilray.evaluate.recorded.responses import Response

YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


class Aime2024(PublishedBenchmark):
    """AIME 2024, I and II."""

    name, title, questions = "aime_2024", "AIME 2024", 30
    layout = Layout(
        source="the Parquet or JSONL file of Maxwell-Jia/AIME_2024 or HuggingFaceH4/aime_2024 on the Hugging Face hub",
        files=(("*.parquet",), ("data/*.parquet",), ("*.jsonl",), ("*.json",)),
    )

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        lower = {key.lower(): value for key, value in record.items()}
        text = lower["problem"]
        said = " ".join(str(lower.get(column, "")) for column in ("id", "url", "year"))
        if (year := YEAR.search(said)) and year[0] != "2024":
            raise BenchmarkDataError(f"a problem of {year[0]}, not of 2024: another release\n  {self.remedy}")
        name = "" if lower.get("id") is None else str(lower["id"])
        answer = lower["answer"] if lower.get("answer") is not None else lower["solution"]
        return Question(id=name, text=text, record={"answer": str(answer)})

    async def score(self, question: Question, response: Response) -> Score:
        return await graded("math", response, question.record["answer"])
