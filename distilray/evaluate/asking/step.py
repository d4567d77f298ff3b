"""PublishedStep: a model answers a published benchmark's question, and its answers are scored as recorded ones are.

A step like any other, so that an evaluation is sharded, resumed and accounted for like a run's own steps. What is kept
of a row is all that its evaluation needs: the question without its tests, and every answer with its score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec.structs import replace
from pydantic import Field

from distilray.evaluate.asking.judging import JUDGE_PROMPTS, judgments
from distilray.evaluate.asking.questions import QUESTION
from distilray.evaluate.benchmarks.published import PublishedBenchmark, Question, Scored
from distilray.evaluate.benchmarks.registry import published_benchmark
from distilray.evaluate.judges.verdict import Verdict
from distilray.evaluate.phrasings import MARK, phrased
from distilray.evaluate.recorded.responses import Response, final_text, is_cut
from distilray.evaluate.results import JUDGING
from distilray.models import Reply
from distilray.prompts import PLAIN
from distilray.rows import Outcome, Row, kept
from distilray.steps import ModelName, Models, Step

SCORED = "scored"
"""Column of rows with their scores, each a :class:`Scored` as JSON."""


class PublishedStep(Step):
    """Asks the question ``samples`` times in each phrasing, turn by turn, and scores each answer."""

    reads: ClassVar = ("messages", QUESTION)
    writes: ClassVar = {
        QUESTION: "string",
        "answer": "string",
        "answers": "list<string>",
        SCORED: "list<string>",
        "correct": "list<float>",
        "correct_share": "float",
        "answer_tokens": "float",
        "truncated": "int",
        "unparsed": "int",
        "tokens": "list<int>",
        "finish": "list<string>",
        "readable": "list<bool>",
        "reasons": "list<string>",
        "subset": "string",
        "agreed": "list<bool>",
        "phrasing_shares": "list<float>",
        **{name: "float" for name in JUDGING},
    }
    """``correct``: what each answer is worth by the benchmark's main metric, and ``correct_share`` the mean of that."""

    published: str
    model: ModelName
    samples: Annotated[int, Field(ge=1)] = 1
    judge: str | None = None
    judge_cache: bool | str = True
    phrasings: tuple[str, ...] = (MARK,)
    chinese: tuple[str, ...] = (MARK,)

    async def process(self, row: Row, models: Models) -> Outcome:
        benchmark = published_benchmark(self.published)
        asked = benchmark.asker()
        question = msgspec.json.decode(row[QUESTION], type=Question)
        texts = self.chinese if row.language == "zh" else self.phrasings
        conversations: list[list[Reply]] = []
        for text in texts:
            conversations += await self._conversations(phrased(row, text), asked.turns(question), models)
        scored: list[Scored] = []
        verdicts: list[Verdict] = []
        for replies in conversations:
            records: Sequence[dict[str, Any]] = [{}] * len(replies)
            if self.judge is not None:
                said = [final_text(reply.text)[0] for reply in replies]
                told = await judgments(asked, question, said, models[self.judge], row, self.judge_cache)
                records = [record for record, _ in told]
                verdicts += [verdict for _, verdict in told]
            for (one, record), reply, judged in zip(asked.answered(question), replies, records, strict=True):
                scored.append(await _scored(benchmark, one, _response(row, reply, {**record, **judged})))
        taken: dict[str, Any] = {
            name: float(sum(getattr(one, field) for one in verdicts)) for name, field in JUDGING.items()
        }
        agreed = [verdict.agreed for verdict in verdicts]
        columns = _columns(question, conversations, scored, benchmark.metrics[0])
        shares = _by_phrasing(columns["correct"], len(texts))
        return kept(**columns, agreed=agreed, phrasing_shares=shares, **taken)

    async def _conversations(self, row: Row, turns: Sequence[str], models: Models) -> list[list[Reply]]:
        """The replies to the turns, for each sample."""
        first = await models[self.model].replies(PLAIN, row, n=self.samples)
        return [await self._continued(row, reply, turns[1:], models) for reply in first]

    async def _continued(self, row: Row, reply: Reply, turns: Sequence[str], models: Models) -> list[Reply]:
        """``reply`` and those to the further ``turns``; reasoning is no part of the conversation."""
        replies, messages = [reply], row.messages
        for turn in turns:
            said = {"role": "assistant", "content": final_text(replies[-1].text)[0]}
            messages = [*messages, said, {"role": "user", "content": turn}]
            replies += await models[self.model].replies(PLAIN, row.having(messages=messages))
        return replies

    def prompts_used(self):
        return (PLAIN,) if self.judge is None else (PLAIN, *JUDGE_PROMPTS)


def _columns(
    question: Question, conversations: Sequence[Sequence[Reply]], scored: Sequence[Scored], metric: str
) -> dict[str, Any]:
    replies = [reply for replies in conversations for reply in replies]
    values = [one.score.values.get(metric, 0.0) for one in scored]
    return {
        QUESTION: _encoded(replace(question, record={})),
        "answer": replies[0].text,
        "answers": [reply.text for reply in replies],
        SCORED: [_encoded(one) for one in scored],
        "correct": values,
        "correct_share": sum(values) / len(values),
        "answer_tokens": sum(reply.tokens_out for reply in replies) / len(replies),
        "truncated": sum(one.truncated for one in scored),
        "unparsed": sum(not one.score.parsed for one in scored),
        "tokens": [reply.tokens_out for reply in replies],
        "finish": [reply.finish_reason for reply in replies],
        "readable": [one.score.parsed for one in scored],
        "reasons": [one.score.reason for one in scored],
        "subset": question.subset,
    }


def _by_phrasing(values: Sequence[float], phrasings: int) -> list[float]:
    """The mean of the values under each of several phrasings, which follow one another."""
    size = len(values) // phrasings
    return [sum(values[k * size : (k + 1) * size]) / size for k in range(phrasings)] if phrasings > 1 else []


def _response(row: Row, reply: Reply, record: dict[str, Any]) -> Response:
    return Response(
        place=row.id,
        text=reply.text,
        finish_reason=reply.finish_reason,
        output_tokens=reply.tokens_out,
        record=record,
    )


async def _scored(benchmark: PublishedBenchmark, question: Question, response: Response) -> Scored:
    score = await benchmark.score(question, response)
    slim = replace(question, record={})
    return Scored(question=slim, response=response, score=score, truncated=is_cut(response))


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
