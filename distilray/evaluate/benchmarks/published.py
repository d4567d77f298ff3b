"""What a published benchmark is: its data set, its questions, what a response to one is worth, and its metrics.

    class Riddles(PublishedBenchmark):
        \"\"\"Riddles, answered by a word.\"\"\"

        name, title, questions = "riddles", "Riddles", 120
        layout = Layout("owner/riddles on the Hugging Face hub", (("test.jsonl",),))
        asking = Asking(max_tokens=512, prompt_tokens=60, reply_tokens=20)

        def question(self, record, subset):
            return Question(id=str(record["id"]), text=record["riddle"], record=record)

        async def score(self, question, response):
            return await graded("exact", response, question.record["word"])

Nothing here knows a model: who answers is for the caller. A question is asked in the form in which the benchmark is
usually published, its own text unchanged; the words around it are ours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from distilray.errors import InputError
from distilray.evaluate.recorded.responses import Response, final_text
from distilray.evaluate.statistics import Estimate
from distilray.verifiers import grade


class BenchmarkDataError(InputError):
    """A data set that is missing, incomplete, or of another release; the text says what to put where."""


class Hub(msgspec.Struct, frozen=True):
    """Where the Hugging Face hub has a data set."""

    repository: str
    files: tuple[str, ...]
    """Patterns of the files that are needed."""
    kind: Literal["dataset", "space"] = "dataset"


class Layout(msgspec.Struct, frozen=True):
    """Where the files of a data set lie below a data directory, as its project or its hub repository has them."""

    source: str
    """What to download, in words."""
    files: tuple[tuple[str, ...], ...]
    """Alternatives of patterns; the first of which any file exists is read. ``{subset}`` is a part of a path."""
    csv: tuple[str, ...] = ()
    """Names of the columns of CSV files that have no header."""
    hub: Hub | None = None
    """Where a data set is fetched from that no data directory is given for; None: nowhere."""


class Asking(msgspec.Struct, frozen=True):
    """How a benchmark is asked where nothing else is said."""

    max_tokens: int
    """Most tokens of a reply, reasoning included: enough for models that reason, more than most projects allow."""
    prompt_tokens: int
    """About how many a prompt has, for a plan."""
    reply_tokens: int
    """About how many a reply of a model has that does not reason at length, for a plan."""
    turns: int = 1
    """Of one conversation; the tokens above are those of all together."""
    samples: int = 1
    """Answers to each question."""
    temperature: float | None = None
    """None: the model's own."""
    unit_rows: int | None = None
    """Most questions of one unit, where one of them is large; None: as the run says."""


class Question(msgspec.Struct, kw_only=True):
    """One question of a benchmark."""

    id: str = ""
    """Of a data set that gives none: its place, from 0, in its subset."""
    text: str
    """The question's own text, without instructions around it."""
    full: str = ""
    """The text with what tells it from another of the same text: its options."""
    record: dict[str, Any] = {}
    cluster: str = ""
    """What questions that are not independent of one another share; else empty."""
    subset: str = ""
    """A subject or category, whose own mean is shown."""


class Score(msgspec.Struct, kw_only=True):
    """What one response is worth."""

    values: dict[str, float]
    """Of each metric; a share's are 0 or 1."""
    weights: dict[str, float] = {}
    """How many observations stand behind a value, where not one: IFEval's instructions of a prompt."""
    extracted: str = ""
    """What was read from the response."""
    parsed: bool = True
    """Whether anything could be read from it."""
    reason: str = ""
    detail: dict[str, Any] = {}


class Scored(msgspec.Struct, kw_only=True):
    """A question, one response to it, and its score."""

    question: Question
    response: Response
    score: Score
    truncated: bool = False


class PublishedBenchmark(ABC):
    """One benchmark, built in under its ``name``."""

    name: ClassVar[str]
    title: ClassVar[str]
    questions: ClassVar[int]
    """How many it has in the release that is meant."""
    release: ClassVar[str] = ""
    """Which release that is, where there are several."""
    layout: ClassVar[Layout]
    asking: ClassVar[Asking]
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    """The metrics of a score, the main one first."""
    highest: ClassVar[float] = 1.0
    """The highest value that the main metric can have."""
    judged: ClassVar[bool] = False
    """Whether a judge's recorded annotations are what is scored."""
    pass_at: ClassVar[bool] = True
    """Whether several samples make pass@k of the main metric."""
    macro: ClassVar[bool] = False
    """Whether the mean over subsets is a metric, beside that over questions."""
    pools_samples: ClassVar[bool] = False
    """Whether all responses count alike, and not all questions."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Columns that a record of the data set has to have."""

    @abstractmethod
    def question(self, record: Mapping[str, Any], subset: str) -> Question | None:
        """The question in a record of the data set; None: not one of this release. ``subset`` is what the file's path
        says of it."""

    @abstractmethod
    async def score(self, question: Question, response: Response) -> Score:
        """What ``response`` is worth as an answer to ``question``."""

    def turns(self, question: Question) -> list[str]:
        """What a user says to ask it, in order; each turn after the first follows the answer to the one before."""
        return [question.text]

    def answered(self, question: Question) -> list[tuple[Question, dict[str, Any]]]:
        """For each turn the question that its answer is scored for, and the record of a response to that."""
        return [(question, {})]

    def asker(self) -> PublishedBenchmark:
        """The benchmark as it is asked: of judged ones another data set is read than of recorded judgments."""
        return self

    def known_questions(self) -> list[Question]:
        """Questions that need no data set, since the responses carry what is scored; none for most benchmarks."""
        return []

    def key_of(self, response: Response) -> str | None:
        """The question's id, where this benchmark knows better than its names and texts do."""
        return None

    def arranged(self, questions: Sequence[Question]) -> list[Question]:
        """The questions of all files together, for data sets that spread one over several."""
        return list(questions)

    def check_release(self, questions: Sequence[Question], place: str) -> None:
        """Raises :class:`BenchmarkDataError` where the questions found at ``place`` are of another release."""
        if len(questions) > self.questions:
            raise BenchmarkDataError(
                f"{place}: {len(questions):,} questions, but {self.title} has {self.questions:,}: another release, or "
                f"more than one\n  {self.remedy}"
            )

    def annotations(self, responses: str, model: str, data_dir: str | None) -> list[str]:
        """The files that may hold the judgments of ``model``, where the responses at ``responses`` are not judged in
        place; only files that exist."""
        return []

    def more_metrics(self, scored: Sequence[Scored], folder: str | None) -> tuple[dict[str, Estimate], list[str]]:
        """Metrics of all scores together, and notes on what they lack; ``folder`` is the data directory."""
        return {}, []

    @property
    def remedy(self) -> str:
        """What to put where."""
        names = " or ".join(" and ".join(patterns) for patterns in self.layout.files)
        return f"put {self.layout.source} below the data directory as {self.name}/{names}"


async def graded(kind: str, response: Response, reference: Any, *, metric: str = "accuracy", **settings: Any) -> Score:
    """A response's score by a verifier: right is 1; all else 0, and unparsed where it is undecided."""
    text, _ = final_text(response.text)
    verdict = await grade(kind, text, reference, **settings)
    extracted = verdict.detail.get("extracted", "")
    return Score(
        values={metric: float(bool(verdict.right))},
        extracted=str(extracted or ""),
        parsed=verdict.right is not None and extracted is not None,
        reason=verdict.reason,
    )
