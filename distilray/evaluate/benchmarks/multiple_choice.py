"""What benchmarks of multiple choice share: the options of a question, and the option that a response settles on.

A response is a text, or the log-likelihoods of the options, of which the highest is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, ClassVar

from distilray.evaluate.benchmarks.published import PublishedBenchmark, Question, Score, graded
from distilray.evaluate.benchmarks.wording import with_options
from distilray.evaluate.recorded.responses import Response

LETTERS = "ABCD"


class MultipleChoice(PublishedBenchmark):
    """Accuracy: the share of questions whose right option the response names."""

    language: ClassVar[str] = "en"

    def asked(
        self, name: str, text: str, options: Sequence[str], answer: str, subset: str = "", **more: Any
    ) -> Question:
        """A question of these options, of which ``answer`` is the letter of the right one."""
        full = "\n".join([text, *options])
        record = {"options": list(options), "answer": answer, **more}
        return Question(id=name, text=text, full=full, record=record, subset=subset)

    def turns(self, question: Question) -> list[str]:
        return [with_options(question.text, self.offered(question), self.language)]

    def offered(self, question: Question) -> Sequence[str]:
        """The options in the order in which a model is shown them."""
        return question.record["options"]

    async def score(self, question: Question, response: Response) -> Score:
        options, answer = self.shown(question, response)
        if response.choice_scores:
            best = max(range(len(response.choice_scores)), key=response.choice_scores.__getitem__)
            right = ascii_uppercase[best] == answer
            return Score(values={"accuracy": float(right)}, extracted=ascii_uppercase[best], reason="most likely")
        return await graded("choice", response, answer, options=dict(zip(ascii_uppercase, options, strict=False)))

    def shown(self, question: Question, response: Response) -> tuple[Sequence[str], str]:
        """The options in the order in which the model was shown them, and the letter of the right one there."""
        return question.record["options"], question.record["answer"]


def letter_of(answer: str | int) -> str:
    """The letter of an answer that a data set gives as a letter or as a position from 0."""
    text = str(answer).strip()
    return ascii_uppercase[int(text)] if text.isdigit() else text.strip("()").upper()


def lettered(record: Mapping[str, Any]) -> list[str]:
    """The options of a record that has a column for each letter."""
    return [str(record[letter]) for letter in LETTERS]
