"""MBPP: 500 tasks for a short Python function, each judged by three assertions (Austin et al. 2021, arXiv 2108.07732).

{"task_id": 11, "text": "Write a python function to remove ...", "test_list": ["assert remove_Occ(...) == ..."],
 "test_setup_code": "", "challenge_test_list": []}

The test split of the full release: tasks 11 to 510 of mbpp.jsonl.
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
    graded,
)
from distilray.evaluate.benchmarks.wording import PROGRAM, after, in_fence
from distilray.evaluate.recorded.responses import Response

TEST = range(11, 511)
TIMEOUT_S = 8.0


class Mbpp(PublishedBenchmark):
    """MBPP's test split."""

    name, title, questions, release = "mbpp", "MBPP", 500, "full, test split: tasks 11 to 510"
    metrics = ("pass@1",)
    layout = Layout(
        source="mbpp.jsonl of google-research, or full/test-*.parquet of google-research-datasets/mbpp on the hub,",
        files=(("mbpp.jsonl",), ("full/test-*.parquet",), ("test-*.parquet",), ("*.jsonl",)),
        hub=Hub("google-research-datasets/mbpp", ("full/test-*.parquet",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=170, reply_tokens=150)
    columns = ("task_id", "test_list")

    def question(self, record: Mapping[str, Any], subset: str) -> Question | None:
        if record.get("text") is None:
            raise BenchmarkDataError(
                f"the record of task {record['task_id']} has no text: of the sanitized release, not the full one\n"
                f"  {self.remedy}"
            )
        if int(record["task_id"]) not in TEST:
            return None
        return Question(id=str(record["task_id"]), text=record["text"], record=dict(record))

    def turns(self, question: Question) -> list[str]:
        """The task and its assertions, from which a model learns the names."""
        tests = in_fence("\n".join(question.record["test_list"]))
        return [after(f"{question.text.rstrip()}\n\nIt has to pass these tests:\n\n{tests}", PROGRAM)]

    async def score(self, question: Question, response: Response) -> Score:
        tests = {name: question.record[name] for name in ("test_list", "test_setup_code") if question.record.get(name)}
        return await graded("code", response, tests, metric="pass@1", timeout_s=TIMEOUT_S)
