"""MMLU: 14,042 questions of 57 subjects with four options each (Hendrycks et al. 2021, arXiv 2009.03300).

{"question": "Find the degree for ...", "subject": "abstract_algebra", "choices": ["0", "4", "2", "6"], "answer": 1}

Accuracy is over questions, as in the paper; accuracy_macro is the mean over subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.multiple_choice import LETTERS, MultipleChoice, letter_of, lettered
from distilray.evaluate.benchmarks.published import Asking, Hub, Layout, Question


class Mmlu(MultipleChoice):
    """MMLU's test split; a question is named by its subject and its place among that subject's."""

    name, title, questions = "mmlu", "MMLU", 14042
    macro = True
    layout = Layout(
        source="all/test-*.parquet of cais/mmlu on the Hugging Face hub, or the folder test of the paper's data.tar,",
        files=(
            ("all/test-*.parquet",),
            ("test-*.parquet",),
            ("{subset}/test-*.parquet",),
            ("test/{subset}_test.csv",),
            ("data/test/{subset}_test.csv",),
            ("*.jsonl",),
        ),
        csv=("question", *LETTERS, "answer"),
        hub=Hub("cais/mmlu", ("all/test-*.parquet",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=160, reply_tokens=250)
    columns = ("question", "answer")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        subject = record.get("subject") or subset
        options = [str(one) for one in record["choices"]] if record.get("choices") is not None else lettered(record)
        return self.asked("", record["question"], options, letter_of(record["answer"]), subject)
