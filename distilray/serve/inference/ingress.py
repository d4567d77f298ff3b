"""The HTTP front: OpenAI's endpoints on Ray Serve LLM's router, with our errors, keys and probes.

GET /health: this process answers. GET /ready: every model has a warm replica.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import ValidationError
from ray import serve
from ray.serve.handle import DeploymentHandle
from ray.serve.llm.ingress import OpenAiIngress, make_fastapi_ingress
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from distilray.serve.inference.errors import ApiError, shape_errors, unknown_model
from distilray.serve.inference.middleware import ApiKeys, BrokenStreams

ENDPOINTS = {
    "models": lambda app: app.get("/v1/models"),
    "model_data": lambda app: app.get("/v1/models/{model:path}"),
    "completions": lambda app: app.post("/v1/completions"),
    "chat": lambda app: app.post("/v1/chat/completions"),
    "health": lambda app: app.get("/health"),
    "ready": lambda app: app.get("/ready"),
}

ModelCard = dict[str, Any]
"""What GET /v1/models returns for a model: ``id``, ``object``, ``created``, ``owned_by``, ``root`` (its checkpoint),
``max_model_len`` (tokens, ``None`` if only its replicas know) and ``metadata`` (system prompt, template hash)."""


class StudentIngress(OpenAiIngress):
    """Routes requests to the deployment of the model that they name."""

    def __init__(self, llm_deployments: Mapping[str, DeploymentHandle], cards: Mapping[str, ModelCard]) -> None:
        super().__init__(dict(llm_deployments), dict(cards))  # pyright: ignore[reportArgumentType]
        self._cards = dict(cards)
        self._deployments = {model: handle.deployment_name for model, handle in llm_deployments.items()}
        self._probe = asyncio.Lock()
        self._waiting_for: list[str] = list(cards)
        self._probed_at = float("-inf")

    async def models(self) -> dict:  # pyright: ignore[reportIncompatibleMethodOverride]
        return {"object": "list", "data": list(self._cards.values())}

    async def model_data(self, model: str) -> ModelCard:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._check_model(model)
        return self._cards[model]

    async def chat(self, body: ChatCompletionRequest, request: Request) -> Response:
        self._check_model(body.model)
        _read_contents(body)
        return await super().chat(body, request)

    async def completions(self, body: CompletionRequest, request: Request) -> Response:
        self._check_model(body.model)
        return await super().completions(body, request)

    async def health(self) -> dict:
        return {"status": "ok"}

    async def ready(self) -> Response:
        waiting = await self._models_without_replica()
        if waiting:
            raise ApiError(503, f"No replica is ready for: {', '.join(waiting)}", code="not_ready")
        return JSONResponse({"status": "ready", "models": list(self._cards)})

    def _check_model(self, model: str | None) -> None:
        # As in Ray Serve LLM, a request may omit the model where there is only one.
        if model is None and len(self._cards) > 1:
            raise ApiError(400, f"Name one of the models: {', '.join(self._cards)}", param="model")
        if model is not None and model not in self._cards:
            raise unknown_model(model, list(self._cards))

    async def _models_without_replica(self) -> list[str]:
        # The controller is asked, not the replicas: a replica whose queue is full is busy, not unready.
        async with self._probe:
            if time.monotonic() - self._probed_at > 1:
                status = await asyncio.to_thread(serve.status)
                here = status.applications[serve.get_replica_context().app_name].deployments
                self._waiting_for = [
                    model
                    for model, name in self._deployments.items()
                    if not here[name].replica_states.get("RUNNING")  # pyright: ignore[reportArgumentType]
                ]
                self._probed_at = time.monotonic()
            return self._waiting_for


def _read_contents(body: ChatCompletionRequest) -> None:
    # vLLM types a content as str or Iterable; pydantic checks an Iterable only while it is read, which would be deep
    # in the router, as a 500.
    for place, message in enumerate(body.messages):
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            try:
                message["content"] = list(content)  # pyright: ignore[reportGeneralTypeIssues]
            except ValidationError as error:
                where = f"messages.{place}.content"
                raise ApiError(400, f"{where}: expected text or a list of content parts", param=where) from error


def http_app(api_keys: list[str]) -> FastAPI:
    """The FastAPI application that the ingress's routes are put on; open where ``api_keys`` is empty."""
    app = FastAPI(title="distilray", docs_url=None, redoc_url=None)
    shape_errors(app)
    # The one added last is outermost.
    app.add_middleware(BrokenStreams)
    if api_keys:
        app.add_middleware(ApiKeys, keys=api_keys)
    return app


def ingress_class(api_keys: list[str]) -> type:
    """``StudentIngress`` with its routes, as a class for ``serve.deployment``."""
    return make_fastapi_ingress(StudentIngress, endpoint_map=ENDPOINTS, app=http_app(api_keys))
