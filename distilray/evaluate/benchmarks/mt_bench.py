"""MT-Bench: 80 conversations of two turns; a judge gives each turn 1 to 10 points (Zheng et al., 2306.05685).

{"question_id": 81, "model": "...", "judge": ["gpt-4", "single-v1"], "turn": 1, "score": 8, "judgment": "... [[8]]"}

The score is read from the judgment's text where there is one. As in FastChat, a mean is over judgments, those without a
rating (-1) left out and counted; both turns of a conversation are one cluster of its standard error.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distilray.errors import counted
from distilray.evaluate.benchmarks.published import (
    Asking,
    Hub,
    Layout,
    PublishedBenchmark,
    Question,
    Score,
    Scored,
)
from distilray.evaluate.recorded.responses import Response
from distilray.evaluate.statistics import Estimate

CATEGORIES = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
"""Of ten conversations each, in the order of their numbers, which begin with 81."""
FIRST = 81
TURNS = {"1": "first_turn", "2": "second_turn"}
RATINGS = (re.compile(r"\[\[(\d+\.?\d*)\]\]"), re.compile(r"\[(\d+\.?\d*)\]"))
NO_RATING = -1
REFERENCE = "reference"


class MtBench(PublishedBenchmark):
    """MT-Bench with single-answer grading, from recorded judgments or a judge's own."""

    name, title, questions = "mt_bench", "MT-Bench", 160
    metrics = ("score", *TURNS.values())
    highest, judged, pass_at, pools_samples = 10.0, True, False, True
    layout = Layout(
        source="model_judgment/JUDGE_single.jsonl of FastChat's llm_judge",
        files=(("*_single.jsonl",), ("model_judgment/*_single.jsonl",)),
    )
    asking = Asking(max_tokens=8192, prompt_tokens=600, reply_tokens=800, turns=2)
    columns = ("question_id", "turn")

    def asker(self) -> MtBenchConversations:
        return MtBenchConversations()

    def known_questions(self) -> list[Question]:
        """Both turns of the 80 conversations, by their numbers."""
        numbers = range(FIRST, FIRST + 10 * len(CATEGORIES))
        return [self.question({"question_id": number, "turn": turn}, "") for number in numbers for turn in TURNS]

    def key_of(self, response: Response) -> str | None:
        return f"{response.record.get('question_id')}/{response.record.get('turn')}"

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        number = int(record["question_id"])
        name, which = f"{number}/{record['turn']}", (number - FIRST) // 10
        category = CATEGORIES[which] if 0 <= which < len(CATEGORIES) else ""
        return Question(id=name, text="", full=name, cluster=str(number), subset=category)

    async def score(self, question: Question, response: Response) -> Score:
        text, recorded = response.record.get("judgment"), response.record.get("score")
        rating = rating_in(text) if isinstance(text, str) and text else recorded
        if rating is None or rating == NO_RATING:
            return Score(values={}, parsed=False, reason="the judge gives no rating")
        turn = TURNS[str(response.record["turn"])]
        detail = {} if recorded in (None, rating) else {"recorded": recorded}
        return Score(values={"score": float(rating), turn: float(rating)}, extracted=str(rating), detail=detail)

    def annotations(self, responses: str, model: str, data_dir: str | None) -> list[str]:
        """FastChat's folder model_judgment beside model_answer, or below the data directory."""
        roots = [Path(responses).parent.parent, *([Path(data_dir), Path(data_dir) / self.name] if data_dir else [])]
        patterns = ("model_judgment/*_single.jsonl", "*_single.jsonl")
        return [str(path) for root in roots for pattern in patterns for path in sorted(root.glob(pattern))]

    def more_metrics(self, scored: Sequence[Scored], folder: str | None) -> tuple[dict[str, Estimate], list[str]]:
        differing = sum("recorded" in one.score.detail for one in scored)
        notes = [f"recorded scores that differ from the ratings in their judgments: {differing}"] if differing else []
        return {}, [*notes, *_agreement(scored)]


class MtBenchConversations(MtBench):
    """The conversations as they are asked: two turns of a user, and for some of them reference answers."""

    questions = 80
    layout = Layout(
        source="question.jsonl and reference_answer of FastChat's llm_judge, as in the space lmsys/mt-bench,",
        files=(
            ("question.jsonl", "reference_answer/gpt-4.jsonl"),
            ("data/mt_bench/question.jsonl", "data/mt_bench/reference_answer/gpt-4.jsonl"),
        ),
        hub=Hub("lmsys/mt-bench", ("data/mt_bench/question.jsonl", "data/mt_bench/reference_answer/*"), "space"),
    )
    columns = ("question_id",)

    def question(self, record: Mapping[str, Any], subset: str) -> Question:
        number = str(record["question_id"])
        if "choices" in record:  # of the file with the references
            return Question(id=f"{number}/{REFERENCE}", text="", record={REFERENCE: record["choices"][0]["turns"]})
        first, second = record["turns"]
        return Question(id=number, text=first, record={"turns": [first, second], REFERENCE: record.get(REFERENCE)})

    def arranged(self, questions: Sequence[Question]) -> list[Question]:
        """The conversations, each with its references."""
        given = {one.id: one.record[REFERENCE] for one in questions if not one.text}
        for one in questions:
            one.record[REFERENCE] = given.get(f"{one.id}/{REFERENCE}") or one.record.get(REFERENCE)
        return [one for one in questions if one.text]

    def turns(self, question: Question) -> list[str]:
        return list(question.record["turns"])

    def answered(self, question: Question) -> list[tuple[Question, dict[str, Any]]]:
        records = [{"question_id": int(question.id), "turn": turn} for turn in TURNS]
        return [(MtBench.question(self, record, ""), record) for record in records]


def rating_in(judgment: str) -> float:
    """The rating in a judge's reply, ``[[8]]`` or else ``[8]``; -1 where it has none."""
    for pattern in RATINGS:
        if match := pattern.search(judgment):
            return float(match[1])
    return NO_RATING


def _agreement(scored: Sequence[Scored]) -> list[str]:
    """How far the ratings agree of turns that were judged more than once."""
    ratings: dict[str, list[float]] = defaultdict(list)
    for one in scored:
        if one.score.parsed:
            ratings[one.question.id].append(one.score.values["score"])
    spreads = [max(each) - min(each) for each in ratings.values() if len(each) > 1]
    if not spreads:
        return []
    equal, apart = sum(not spread for spread in spreads) / len(spreads), sum(spreads) / len(spreads)
    turns = counted(len(spreads), "turn")
    return [f"{turns} judged more than once: the same rating {equal:.0%}, {apart:.2f} points apart on average"]
