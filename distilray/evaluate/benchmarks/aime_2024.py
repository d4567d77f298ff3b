"""AIME 2024: the 30 problems of the American Invitational Mathematics Examinations I and II, answered by 0 to 999.

{"ID": "2024-I-4", "Problem": "Jen enters a lottery ...", "Answer": 116}          Maxwell-Jia/AIME_2024
{"id": 60, "problem": "Every morning Aya goes ...", "answer": "204", "url": ...}   HuggingFaceH4/aime_2024

Thirty problems say little: eight samples of each are asked for, and the standard error is to be read.
"""

from __future__ import annotations

import re
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
    graded,
)
from distilray.evaluate.benchmarks.wording import NUMBER, after
from distilray.evaluate.recorded.responses import Response

YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


class Aime2024(PublishedBenchmark):
    """AIME 2024, I and II."""

    name, title, questions = "aime_2024", "AIME 2024", 30
    layout = Layout(
        source="the Parquet or JSONL file of Maxwell-Jia/AIME_2024 or HuggingFaceH4/aime_2024 on the Hugging Face hub",
        files=(("*.parquet",), ("data/*.parquet",), ("*.jsonl",), ("*.json",)),
        hub=Hub("Maxwell-Jia/AIME_2024", ("*.parquet", "*.jsonl")),
    )
    asking = Asking(max_tokens=32768, prompt_tokens=160, reply_tokens=1500, samples=8, temperature=0.6)

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        lower = {key.lower(): value for key, value in record.items()}
        text = lower["problem"]
        said = " ".join(str(lower.get(column, "")) for column in ("id", "url", "year"))
        if (year := YEAR.search(said)) and year[0] != "2024":
            raise BenchmarkDataError(f"a problem of {year[0]}, not of 2024: another release\n  {self.remedy}")
        name = "" if lower.get("id") is None else str(lower["id"])
        answer = lower["answer"] if lower.get("answer") is not None else lower["solution"]
        return Question(id=name, text=text, record={"answer": str(answer)})

    def turns(self, question: Question) -> list[str]:
        return [after(question.text, NUMBER)]

    async def score(self, question: Question, response: Response) -> Score:
        return await graded("math", response, question.record["answer"])
