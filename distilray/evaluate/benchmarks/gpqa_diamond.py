"""GPQA-Diamond: 198 graduate-level questions of biology, physics and chemistry (Rein et al. 2023, arXiv 2311.12022).

{"Record ID": "rec06pnAkLOr2t2mp", "Question": "Two quantum states ...", "Correct Answer": "10^-4 eV",
 "Incorrect Answer 1": "10^-11 eV", ..., "High-level domain": "Physics"}

The data set has no letters: whoever asks shuffles the options. A response of a letter can only be scored where its
record carries the options in the order shown, or the right letter.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from distilray.evaluate.benchmarks.multiple_choice import MultipleChoice, letter_of
from distilray.evaluate.benchmarks.published import Asking, Hub, Layout, Question
from distilray.evaluate.recorded.forms import ResponseError
from distilray.evaluate.recorded.responses import Response

RIGHT, WRONG = "Correct Answer", tuple(f"Incorrect Answer {number}" for number in (1, 2, 3))
SHOWN = ("choice1", "choice2", "choice3", "choice4")
"""How lm-evaluation-harness calls the options in the order shown."""
LETTER = ("answer", "target", "correct_letter", "gold")


class GpqaDiamond(MultipleChoice):
    """GPQA-Diamond."""

    name, title, questions = "gpqa_diamond", "GPQA-Diamond", 198
    layout = Layout(
        source="gpqa_diamond.csv of Idavidrein/gpqa on the Hugging Face hub (gated: accept its terms there first)",
        files=(("gpqa_diamond.csv",), ("dataset/gpqa_diamond.csv",), ("gpqa_diamond/*.parquet",), ("*.jsonl",)),
        hub=Hub("Idavidrein/gpqa", ("gpqa_diamond.csv",)),
    )
    asking = Asking(max_tokens=32768, prompt_tokens=350, reply_tokens=700)
    columns = ("Question", RIGHT, *WRONG)

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        options = [str(record[name]).strip() for name in (RIGHT, *WRONG)]
        name, domain = str(record.get("Record ID") or ""), str(record.get("High-level domain") or "")
        return self.asked(name, record["Question"], options, "A", domain)

    def offered(self, question: Question) -> Sequence[str]:
        """In an order drawn from the question alone, so that every model and every sample gets the same."""
        drawn = random.Random(question.text).sample(range(len(question.record["options"])), k=4)
        return [question.record["options"][place] for place in drawn]

    def answered(self, question: Question) -> list[tuple[Question, dict[str, Any]]]:
        return [(question, {"choices": self.offered(question)})]

    def shown(self, question: Question, response: Response) -> tuple[Sequence[str], str]:
        """From the record: the options as shown, in a list or in the prompt, or the right letter.

        Raises :class:`ResponseError` where it has neither.
        """
        record = {**response.record, **(response.doc or {})}
        options = (
            [record[name] for name in SHOWN] if SHOWN[0] in record else record.get("choices") or record.get("options")
        )
        if options:
            texts = [str(option).strip() for option in options]
            right = question.record["options"][0]
            if right in texts:
                return texts, ascii_uppercase[texts.index(right)]
        if letter := _letter_in(response.prompts, question.record["options"][0]):
            return [], letter
        stated = next((record[name] for name in LETTER if record.get(name) is not None), None)
        stated = stated[0] if isinstance(stated, list) and stated else stated
        if isinstance(stated, str | int) and len(letter := letter_of(stated)) == 1:
            return [], letter
        raise ResponseError(
            f"{response.place}: does not say in which order the options were shown; the record has "
            f"{', '.join(response.record)}\n  add `choices`, the four options as shown, or `target`, the right letter"
        )


def _letter_in(prompts: Sequence[str], right: str) -> str:
    """The letter before the right option in a prompt that lists the options, each in its line."""
    listed = re.compile(rf"^\s*\(?([A-D])[).:]\s*{re.escape(right)}\s*$", re.MULTILINE)
    found = [match[1] for prompt in prompts for match in listed.finditer(prompt)]
    return found[-1] if found else ""
