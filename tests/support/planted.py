"""Engines whose replies a test writes down, everything around them real; for tests of steps and of units.

    outcome, engine = go(tmp_path, RateTrace(model="judge"), row, judge=["medium"])

ModelAccess, seeds, reply log, retries, parsers and verifiers are those of a run. ``PlantedClient`` takes a function of
the request instead, for replies that a real engine gives too rarely to test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilray.ledger import ReplyLog
from distilray.models import EchoModel, GenerateRequest, LabelReply, Reply, Request, ScoreReply
from distilray.rows import Outcome, Row
from distilray.runner.row_models import ModelAccess, RowUsage
from distilray.steps import Step
from distilray.storage import Store

Said = str | Reply | LabelReply | ScoreReply
Script = Sequence[Said] | Callable[[str], str]
"""Replies in the order in which they are asked for, or what is said to a user's turn."""
Answerer = Callable[[GenerateRequest], str | Reply | Exception]


@dataclass
class Planted:
    scripts: dict[str, Script]
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = {name: list(script) for name, script in self.scripts.items() if not callable(script)}

    async def ask(self, model: str, request: Request) -> list[Any]:
        self.asked.append((model, request))
        return [self._reply(model, request) for _ in range(request.n)]

    def _reply(self, model: str, request: Any) -> Reply | LabelReply | ScoreReply:
        script = self.scripts[model]
        said = script(request.messages[-1]["content"]) if callable(script) else self._left[model].pop(0)
        return said if not isinstance(said, str) else Reply(said, "stop", 10, len(said))

    def unsaid(self) -> dict[str, list[Said]]:
        """What was written down and nobody asked for."""
        return {name: left for name, left in self._left.items() if left}

    def models(self) -> list[str]:
        return [model for model, _ in self.asked]

    def questions(self, model: str) -> list[str]:
        """The user's turns that ``model`` got."""
        return [request.messages[-1]["content"] for name, request in self.asked if name == model]


@dataclass
class PlantedClient:
    """Counts every request that really reached it."""

    answer: Answerer
    requests: list[GenerateRequest] = field(default_factory=list)

    async def ask(self, model: str, request: GenerateRequest) -> list[Reply]:
        self.requests.append(request)
        said = self.answer(request)
        if isinstance(said, Exception):
            raise said
        reply = said if isinstance(said, Reply) else Reply(said, "stop", tokens_in=5, tokens_out=3)
        return [reply] * request.n


def desk(engine: Planted) -> ModelAccess:
    return ModelAccess(engine, {name: EchoModel(kind="echo") for name in engine.scripts}, seed=0)


def go(tmp_path: Path, step: Step, row: Row, **scripts: Script) -> tuple[Outcome, Planted]:
    """What ``step`` makes of ``row``; errors that a runner would write into the row are raised."""
    engine = Planted(scripts)
    log = ReplyLog(Store(str(tmp_path)), "phase", "unit")
    models = desk(engine).models_for(row, "step", log, RowUsage())
    return asyncio.run(step.process(row, models)), engine


def problem(**columns: Any) -> Row:
    """482+379 with a right trace apart from its answer; ``columns`` change that."""
    values: dict[str, Any] = {
        "id": "gsm8k/train.jsonl:1",
        "language": "en",
        "task": "math",
        "messages": [{"role": "user", "content": "Tom has 482 apples and gets 379 more. How many now?"}],
        "reference": "861",
        "reasoning": LONG,
        "answer": "answer: 861",
    }
    return Row(values | columns)


SHORT = "482+379\n\nones 2+9+0=11\n\nanswer: 861"
GOOD = "482+379\n\nones 2+9+0=11\n\ntens 8+7+1=16\n\nhundreds 4+3+1=8\n\nanswer: 861"
LONG = (
    "482+379\n\nones 2+9+0=11\n\nwait, let me check: ones 2+9+0=11\n\ntens 8+7+1=16\n\nagain: tens 8+7+1=16\n\n"
    "hundreds 4+3+1=8\n\nto be sure: 482+379\n\nanswer: 861"
)
WRONG = "482+379\n\nones 2+9+0=11\n\ntens 8+7+1=15\n\nhundreds 4+3+1=8\n\nanswer: 851"
