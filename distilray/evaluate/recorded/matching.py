"""Which question a response answers: by the name that its file gives the question, by its own text, or by a prompt
that contains that text."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Sequence

from distilray.evaluate.benchmarks.published import BenchmarkDataError, PublishedBenchmark, Question
from distilray.evaluate.recorded.forms import ResponseError
from distilray.evaluate.recorded.responses import Response

WORD = re.compile(r"\w{4,}")
SAME_SHARE = 0.5
"""Of a question's longer words, those that a prompt about it has."""
MOST_SEARCHED = 2000
"""Questions up to which prompts are searched for the texts of all."""


def plain(text: str) -> str:
    """A text without the differences that copying makes: white space, and whole lines of it."""
    return " ".join(text.split())


class QuestionIndex:
    """The questions of a benchmark, found by what responses say of them."""

    def __init__(self, benchmark: PublishedBenchmark, questions: Sequence[Question]) -> None:
        self.benchmark = benchmark
        self.questions = {question.id: question for question in questions}
        self._by_text: dict[str, list[Question]] = defaultdict(list)
        for question in questions:
            for text in {plain(question.text), plain(question.full)} - {""}:
                self._by_text[text].append(question)

    def find(self, response: Response) -> Question:
        """The question that ``response`` answers.

        Raises :class:`ResponseError` where there is none, where several fit, or where the name that the file gives
        and the text beside it mean different questions.
        """
        key = self.benchmark.key_of(response)
        if key is not None and key in self.questions:
            return self.questions[key]
        if found := self._by_doc(response) or self._by_text_alone(response):
            return found
        named = self._named(response)
        if named is not None and self._differs(named, response):
            raise ResponseError(
                f"{response.place}: question {named.id} reads {plain(named.text)[:60]!r} in the data set and "
                f"{plain(response.prompts[0])[:60]!r} here\n  the responses are to another release: give the data "
                f"directory of that one, or responses to {self.benchmark.title}"
            )
        if found := named or self._by_prompt(response):
            return found
        raise self._unknown(response)

    def knows(self, response: Response) -> bool:
        """Whether ``response`` answers one of the questions."""
        try:
            self.find(response)
        except ResponseError:
            return False
        return True

    def _named(self, response: Response) -> Question | None:
        return next((self.questions[name] for name in response.ids if name in self.questions), None)

    def _by_doc(self, response: Response) -> Question | None:
        if response.doc is None:
            return None
        try:
            own = self.benchmark.question(response.doc, "")
        except BenchmarkDataError as error:
            raise ResponseError(f"{response.place}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError):
            return None  # the doc of a task that changes the records: its texts are left
        if own is None:
            return None
        return self._one(plain(own.full)) or self._one(plain(own.text))

    def _by_text_alone(self, response: Response) -> Question | None:
        texts = list(response.prompts)
        if options := _options(response):
            texts = ["\n".join([text, *options]) for text in texts] + texts
        return next((found for text in texts if (found := self._one(plain(text)))), None)

    def _by_prompt(self, response: Response) -> Question | None:
        if len(self.questions) > MOST_SEARCHED:
            return None
        for prompt in map(plain, response.prompts):
            ends = [(prompt.rfind(text), len(text), found) for text, found in self._by_text.items() if text in prompt]
            if ends:  # the last one is asked, those before are examples; of two that end there, the longer
                found = max(ends, key=lambda end: (end[0] + end[1], end[1]))[2]
                return found[0] if len(found) == 1 else None
        return None

    def _one(self, text: str) -> Question | None:
        found = self._by_text.get(text, ()) if text else ()
        return found[0] if len(found) == 1 else None

    def _differs(self, question: Question, response: Response) -> bool:
        """Whether all that the response says of the question's text is about something else; the same question in
        other words, or with other blanks, is not."""
        own, said = plain(question.text), [plain(prompt) for prompt in response.prompts]
        if not own or not said or any(own in prompt or prompt in own for prompt in said):
            return False
        words = set(WORD.findall(own))
        return not any(len(words & set(WORD.findall(prompt))) >= SAME_SHARE * max(len(words), 1) for prompt in said)

    def _unknown(self, response: Response) -> ResponseError:
        alike = max((len(self._by_text.get(plain(prompt), ())) for prompt in response.prompts), default=0)
        if alike > 1:
            return ResponseError(
                f"{response.place}: {alike} questions of {self.benchmark.title} read "
                f"{plain(response.prompts[0])[:60]!r}\n  add the question's id, or its options as `choices`"
            )
        said = response.ids[0] if response.ids else plain(response.prompts[0])[:60] if response.prompts else ""
        title = self.benchmark.title
        if not said:
            return ResponseError(
                f"{response.place}: nothing says which question of {title} it answers; the record has "
                f"{', '.join(response.record)}\n  add the question's id or its text to each record"
            )
        known = [*self.questions, *self._by_text] if len(self.questions) <= MOST_SEARCHED else list(self.questions)
        near = difflib.get_close_matches(said, known, n=1)
        like = f" (the nearest is {near[0][:60]!r})" if near else ""
        example = next(iter(self.questions), "none")
        return ResponseError(
            f"{response.place}: there is no question {said!r} in {title}{like}; its {len(self.questions):,} questions "
            f"are called like {example!r}\n  remove it, or give the data directory of the release that was asked"
        )


def _options(response: Response) -> list[str]:
    """The options of a question of multiple choice, where the record has them."""
    record = response.record
    listed = next((record[name] for name in ("choices", "options") if isinstance(record.get(name), list)), None)
    if listed is None and all(letter in record for letter in "ABCD"):
        listed = [record[letter] for letter in "ABCD"]
    return [str(option) for option in listed or ()]
