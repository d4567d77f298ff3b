"""An engine that answers from a plan, for what a real one does too rarely to test: planted replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from distilray.models import GenerateRequest, Reply

Answerer = Callable[[GenerateRequest], str | Reply | Exception]


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
