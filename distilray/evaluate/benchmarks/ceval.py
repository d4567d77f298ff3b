"""C-Eval: 1,346 Chinese questions of 52 subjects with four options each (Huang et al. 2023, arXiv 2305.08322).

{"id": 0, "question": "使用位填充方法...", "A": "...", "B": "...", "C": "...", "D": "...", "answer": "C"}

The validation split, since the answers of the test split are not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.multiple_choice import LETTERS, MultipleChoice, letter_of, lettered
from distilray.evaluate.benchmarks.published import Asking, Hub, Layout, Question


class Ceval(MultipleChoice):
    """C-Eval's validation split."""

    name, title, questions, release = "ceval", "C-Eval", 1346, "validation split"
    macro, language = True, "zh"
    layout = Layout(
        source="the folder val of ceval-exam.zip, or {subject}/val-*.parquet, of ceval/ceval-exam on the hub,",
        files=(("val/{subset}_val.csv",), ("{subset}/val-*.parquet",), ("{subset}_val.csv",), ("*.jsonl",)),
        hub=Hub("ceval/ceval-exam", ("*/val-*.parquet",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=140, reply_tokens=250)
    columns = ("question", *LETTERS, "answer")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        subject = record.get("subject") or subset
        name = "" if record.get("id") is None or not subject else f"{subject}/{record['id']}"
        return self.asked(name, record["question"], lettered(record), letter_of(record["answer"]), subject)
