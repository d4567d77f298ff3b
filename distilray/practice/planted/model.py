"""The planted model as a recipe names it, and its engine.

    models:
      writer: {uses: "distilray.practice:PlantedModel", wrong: 0.1}

A share ``wrong`` of its replies is bad; which of them follows from the request's seed. So a run shows what steps do
with good and bad replies where no tiny model can be trained for them. Every figure that comes of it is to be labelled
as planted.
"""

from __future__ import annotations

import random
from typing import Any, ClassVar

from pydantic import Field

from distilray.models import Engine, GenerateRequest, GenerativeModel, ModelError, Reply
from distilray.practice.planted.reading import PLAYED, read
from distilray.practice.planted.replies import REPLIES


class PlantedEngine(Engine):
    """Replies at once."""

    holds_memory = False
    settings: PlantedModel

    async def generate(self, prompt: Any, request: GenerateRequest) -> list[Reply]:
        asked = read(request.messages)
        if asked is None:
            known = ", ".join(prompt.name for prompt in PLAYED)
            raise ModelError(f"{self.engine}: a planted model plays the prompts {known}, and this is none of them")
        replies = []
        for k in range(request.n):
            rng = random.Random(f"{request.seed}/{k}")
            text = REPLIES[asked.prompt](asked, rng, rng.random() >= self.settings.wrong)
            words_in = sum(len(message["content"].split()) for message in request.messages)
            replies.append(Reply(text, "stop", 0 if k else words_in, len(text.split())))
        return replies


class PlantedModel(GenerativeModel):
    """Writes and checks instructions and answers of the practice world."""

    engine_class: ClassVar = PlantedEngine

    wrong: float = Field(default=0.1, ge=0, le=1, description="share of its replies that are bad")
    cpus: float = Field(default=0.1, ge=0, description="CPUs reserved for one engine")

    @property
    def requests_per_engine(self) -> int:
        return 256
