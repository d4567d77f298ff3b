"""LiveCodeBench V2: 511 contest problems published from May 2023 to May 2024 (Jain et al. 2024, arXiv 2403.07974).

{"question_id": "1873_A", "question_content": "There are three cards ...", "contest_date": "2023-08-21T00:00:00",
 "starter_code": "", "public_test_cases": "[{\\"input\\": ..., \\"output\\": ..., \\"testtype\\": \\"stdin\\"}]",
 "private_test_cases": "eJx...", "metadata": "{\\"func_name\\": ...}"}

Public and private tests both have to pass, in the sandbox. Private ones are JSON, or JSON that is pickled, compressed
and written in base64.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import zlib
from collections.abc import Mapping, Sequence
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

RELEASE_V1 = 400
"""Problems of the release before."""
FIRST, LAST = "2023-05-01", "2024-05-31"
STREAMS = "Write a Python program that reads from standard input and writes to standard output."
TIMEOUT_S, TOTAL_S = 10.0, 120.0
"""Of one test (the project's own: 6 s on a quiet machine), and of all of a problem."""


class LiveCodeBenchV2(PublishedBenchmark):
    """LiveCodeBench's code generation, release_v2."""

    name, title, questions = "livecodebench_v2", "LiveCodeBench V2", 511
    release = f"release_v2: problems of contests from {FIRST} to {LAST}"
    metrics = ("pass@1",)
    layout = Layout(
        source="test.jsonl and test2.jsonl (not the later ones) of livecodebench/code_generation_lite on the hub",
        files=(("test.jsonl", "test2.jsonl"), ("release_v2/*.parquet",), ("*.parquet",), ("*.jsonl",)),
        hub=Hub("livecodebench/code_generation_lite", ("test.jsonl", "test2.jsonl")),
    )
    # Private tests are megabytes a problem.
    asking = Asking(max_tokens=32768, prompt_tokens=500, reply_tokens=500, unit_rows=16)
    columns = ("question_id", "question_content", "public_test_cases", "contest_date")

    def question(self, record: Mapping[str, Any], subset: str) -> Question | None:
        date = str(record["contest_date"])[:10]
        if not FIRST <= date <= LAST:
            raise BenchmarkDataError(
                f"problem {record['question_id']} is of {date}: not of {self.release}\n  {self.remedy}"
            )
        return Question(
            id=str(record["question_id"]),
            text=record["question_content"],
            record=dict(record),
            subset=str(record.get("difficulty") or ""),
        )

    def check_release(self, questions: Sequence[Question], place: str) -> None:
        super().check_release(questions, place)
        if len(questions) == RELEASE_V1:
            raise BenchmarkDataError(f"{place}: the {RELEASE_V1} problems of release_v1\n  {self.remedy}")

    def turns(self, question: Question) -> list[str]:
        """The problem, and whether a program or the starter code's function is wanted."""
        starter = str(question.record.get("starter_code") or "")
        wanted = f"Complete this code:\n\n{in_fence(starter)}" if starter.strip() else STREAMS
        return [after(f"{question.text.rstrip()}\n\n{wanted}", PROGRAM)]

    async def score(self, question: Question, response: Response) -> Score:
        try:
            tests = tests_of(question.record)
        except (ValueError, KeyError, TypeError, zlib.error, pickle.UnpicklingError) as error:
            raise BenchmarkDataError(
                f"problem {question.id}: its tests cannot be read ({error})\n  {self.remedy}"
            ) from error
        return await graded(
            "code", response, tests, metric="pass@1", timeout_s=TIMEOUT_S, total_s=TOTAL_S, stop_at_first=True
        )


def tests_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """All tests of a problem, with the name of the function where it is functions that are tested."""
    cases = [*decoded_tests(record["public_test_cases"]), *decoded_tests(record.get("private_test_cases") or "[]")]
    about = record.get("metadata") or {}
    function = (json.loads(about) if isinstance(about, str) else about).get("func_name")
    given, wanted = [case["input"] for case in cases], [case["output"] for case in cases]
    return {"inputs": given, "outputs": wanted, **({"fn_name": function} if function else {})}


def decoded_tests(value: str | Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tests in a column: a list, JSON, or JSON pickled, compressed and in base64."""
    if not isinstance(value, str):
        return list(value)
    if value.lstrip().startswith("["):
        return json.loads(value)
    text = _TextOnly(io.BytesIO(zlib.decompress(base64.b64decode(value)))).load()
    return json.loads(text)


class _TextOnly(pickle.Unpickler):
    """Unpickles text and nothing that would run code: a data set is somebody else's file."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"tests hold {module}.{name}, not a text")
