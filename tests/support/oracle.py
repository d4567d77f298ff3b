"""A model that answers questions as a table says, through an engine of its own; for tests of evaluations on Ray."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from distilray.models import Engine, GenerateRequest, GenerativeModel, Reply


class OracleEngine(Engine):
    settings: OracleModel

    async def generate(self, prompt: None, request: GenerateRequest) -> list[Reply]:
        text = self.settings.answers.get(request.messages[-1]["content"], self.settings.otherwise)
        words = len(text.split())
        return [Reply(text, "stop", tokens_in=0 if k else 10, tokens_out=words) for k in range(request.n)]


class OracleModel(GenerativeModel):
    engine_class: ClassVar = OracleEngine

    answers: dict[str, str] = Field(default={}, description="reply to each question")
    otherwise: str = Field(default="I do not know", description="reply to any other")
    cpus: float = Field(default=0.1, description="CPUs of one engine")
