"""CMMLU: 11,582 Chinese questions of 67 subjects with four options each (Li et al. 2023, arXiv 2306.09212).

{"Question": "在农业生产中...", "A": "...", "B": "...", "C": "...", "D": "...", "Answer": "B"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.multiple_choice import MultipleChoice, letter_of, lettered
from distilray.evaluate.benchmarks.published import Asking, Hub, Layout, Question


class Cmmlu(MultipleChoice):
    """CMMLU's test split; a question is named by its subject and its place in that subject's file."""

    name, title, questions, release = "cmmlu", "CMMLU", 11582, "test split"
    macro, language = True, "zh"
    layout = Layout(
        source="the folder test of cmmlu_v1_0_1.zip of haonan-li/cmmlu on the Hugging Face hub",
        files=(("test/{subset}.csv",), ("{subset}/test-*.parquet",), ("*.jsonl",)),
        hub=Hub("haonan-li/cmmlu", ("cmmlu_v1_0_1.zip",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=130, reply_tokens=250)
    columns = ("Question", "A", "B", "C", "D", "Answer")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        subject = record.get("subject") or subset
        options, answer = lettered(record), letter_of(record["Answer"])
        return self.asked("", record["Question"], options, answer, subject)
