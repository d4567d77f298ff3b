"""Settings of models behind an endpoint.

models:
  judge: {kind: openai, base_url: https://api.example/v1, model: big-1, api_key_env: BIG_KEY, concurrency: 64}
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, Literal

from pydantic import Field

from distilray.models.settings.base import GenerativeModel


class OpenAIModel(GenerativeModel):
    """A model behind an OpenAI-compatible endpoint."""

    engine_class: ClassVar = "distilray.models.engines.openai:OpenAIEngine"

    kind: Literal["openai"] = Field(default="openai", description="an OpenAI-compatible endpoint")
    base_url: str = Field(description="the endpoint's address up to and including /v1")
    model: str = Field(description="the model's name there")
    api_key_env: str | None = Field(default=None, description="environment variable that holds the key; none: no key")
    concurrency: int = Field(default=32, ge=1, description="requests in flight over the whole run")
    requests_per_minute: int | None = Field(default=None, ge=1, description="limit over the whole run")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="limit over the whole run, prompt and reply")
    max_retries: int = Field(default=8, ge=0, description="how often a request is repeated after 5xx or a time-out")
    gone_after_s: float = Field(
        default=1800,
        gt=0,
        description="seconds for which a request is repeated that the endpoint throttles (429) or that does not reach "
        "it; after them the run stops, and no row fails of it",
    )
    system: str | None = Field(default=None, description="system message for conversations without one")
    extra_body: dict[str, Any] = Field(
        default={}, description="further fields of the request, as the endpoint names them"
    )
    structured: Literal["vllm", "openai", "none"] = Field(
        default="openai",
        description="how replies are constrained: vLLM's fields, response_format, or only words in the prompt",
    )
    request_timeout_s: float = Field(default=600, gt=0, description="seconds one attempt may take")
    replicas: Literal[1] = Field(default=1, description="one client for the whole run, so that limits hold over it")
    restarts: int = Field(default=20, ge=0, description="how often the client is started again")
    cpus: float = Field(default=0.1, ge=0, description="CPUs reserved for the client")

    @property
    def requests_per_engine(self) -> int:
        return self.concurrency

    def secrets(self) -> tuple[str, ...]:
        return (self.api_key_env,) if self.api_key_env else ()

    def weights_id(self) -> str:
        """Hash of endpoint, model and what every request to it carries; 32 hex digits."""
        return self._identity(base_url=self.base_url, model=self.model, system=self.system, extra_body=self.extra_body)

    def check(self) -> None:
        if self.api_key_env and not os.environ.get(self.api_key_env):
            raise ValueError(f"the environment variable {self.api_key_env} (api_key_env) is not set")
