"""HumanEval: 164 Python functions to complete, each judged by its tests (Chen et al. 2021, arXiv 2107.03374).

{"task_id": "HumanEval/0", "prompt": "def has_close...", "test": "def check(candidate)...", "entry_point": "..."}

A response is the rest of the function, or a reply that contains it; it runs in the sandbox. pass@k is unbiased.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from distilray.evaluate.benchmarks.published import (
    Asking,
    Hub,
    Layout,
    PublishedBenchmark,
    Question,
    Score,
    graded,
)
from distilray.evaluate.benchmarks.wording import PROGRAM, after, in_fence
from distilray.evaluate.recorded.responses import Response, final_text

TIMEOUT_S = 8.0
"""Of one test. The project's own is 3 s on a quiet machine."""


class HumanEval(PublishedBenchmark):
    """HumanEval; a file of its example problem is accepted for its example samples."""

    name, title, questions = "humaneval", "HumanEval", 164
    metrics = ("pass@1",)
    layout = Layout(
        source="HumanEval.jsonl.gz of openai/human-eval, or the Parquet file of openai/openai_humaneval on the hub,",
        files=(
            ("HumanEval.jsonl*",),
            ("example_problem.jsonl",),
            ("data/HumanEval.jsonl*",),
            ("openai_humaneval/test-*.parquet",),
            ("test-*.parquet",),
            ("*.jsonl",),
        ),
        hub=Hub("openai/openai_humaneval", ("openai_humaneval/test-*.parquet",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=200, reply_tokens=250)
    columns = ("task_id", "prompt", "test", "entry_point")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        return Question(id=record["task_id"], text=record["prompt"], record=dict(record))

    def turns(self, question: Question) -> list[str]:
        return [after(f"Complete this Python function:\n\n{in_fence(question.text)}", PROGRAM)]

    async def score(self, question: Question, response: Response) -> Score:
        tests = {name: question.record[name] for name in ("prompt", "test", "entry_point")}
        response = replace(response, text=continuation(final_text(response.text)[0]))
        return await graded("code", response, tests, metric="pass@1", timeout_s=TIMEOUT_S)


def continuation(text: str) -> str:
    """A response that goes on in the fence in which its prompt ended, up to that fence's end; any other as it is."""
    head, fence, _ = text.partition("```")
    first = next((line for line in head.splitlines() if line.strip()), "")
    return head if fence and first[:1] in (" ", "\t") and first else text
