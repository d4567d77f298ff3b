"""MMLU-Pro: 12,032 questions of 14 categories with up to ten options each (Wang et al. 2024, arXiv 2406.01574).

{"question_id": 70, "question": "...", "options": ["...", ...],
 "answer": "I", "answer_index": 8, "category": "business"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.evaluate.benchmarks.multiple_choice import MultipleChoice, letter_of
from distilray.evaluate.benchmarks.published import Asking, Hub, Layout, Question


class MmluPro(MultipleChoice):
    """MMLU-Pro's test split; options of the text N/A are not counted."""

    name, title, questions = "mmlu_pro", "MMLU-Pro", 12032
    macro = True
    layout = Layout(
        source="data/test-*.parquet of TIGER-Lab/MMLU-Pro on the Hugging Face hub",
        files=(("data/test-*.parquet",), ("test-*.parquet",), ("*.jsonl",)),
        hub=Hub("TIGER-Lab/MMLU-Pro", ("data/test-*.parquet",)),
    )
    asking = Asking(max_tokens=32768, prompt_tokens=300, reply_tokens=450)
    columns = ("question_id", "question", "options", "answer")

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        options = [str(one) for one in record["options"] if str(one).strip() != "N/A"]
        name, category = str(record["question_id"]), str(record.get("category") or subset)
        return self.asked(name, record["question"], options, letter_of(record["answer"]), category)
