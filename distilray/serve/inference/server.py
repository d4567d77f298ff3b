"""A replica: one vLLM engine, warm before it takes requests; it exits when its engine dies."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

from ray.serve.llm import LLMConfig
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from distilray.checkpoints import check_template, resolve_path

logger = logging.getLogger("ray.serve")

WATCH_EVERY_S = 0.2
WARM_UP_SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


class StudentServer(LLMServer):
    """Answers as the student was trained: with its system prompt and template variables where the client sends none.

    The name of a deployment does not contain this class's name (see app.py), because Serve would treat a renamed
    deployment as a new one and drop the old one's requests.
    """

    async def __init__(
        self,
        llm_config: LLMConfig,
        *,
        system_prompt: str | None = None,
        template_hash: str | None = None,
        chat_template_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self._system_prompt = system_prompt
        self._chat_template_kwargs = chat_template_kwargs or {}
        self._template_hash = template_hash
        await super().__init__(llm_config)

    async def start(self) -> None:
        """Load, warm up, and only then return: from then on Serve considers the replica running."""
        self._use_local_checkpoint()
        await super().start()
        await self._warm_up()
        self._watchdog = asyncio.create_task(self._exit_when_the_engine_dies())

    async def chat(self, request, raw_request_info=None):
        complete(request, self._system_prompt, self._chat_template_kwargs)
        return await super().chat(request, raw_request_info)

    def _use_local_checkpoint(self) -> None:
        engine: Any = self._llm_config.get_engine_config()
        engine.hf_model_id = resolve_path(engine.actual_hf_model_id)
        if Path(engine.hf_model_id).is_dir():
            check_template(Path(engine.hf_model_id), self._template_hash)
            # Nothing to download: saves a second process that would import vLLM only to find that out.
            callback: Any = self._llm_config.get_or_create_callback()
            callback.ctx.run_init_node = False

    async def _warm_up(self) -> None:
        """One streamed and one constrained reply: first uses compile kernels, grammars and logprobs (seconds)."""
        common = {
            "model": self._llm_config.model_id,
            "messages": [{"role": "user", "content": "1 + 1 = ?"}],
            "max_tokens": 8,
            "temperature": 0,
        }
        schema = {"type": "json_schema", "json_schema": {"name": "sum", "schema": WARM_UP_SCHEMA}}
        for extra in ({"stream": True}, {"response_format": schema, "logprobs": True, "top_logprobs": 1}):
            request = ChatCompletionRequest.model_validate({**common, **extra})
            async for reply in await self.chat(request):
                if error := getattr(reply, "error", None):
                    raise RuntimeError(f"{self._llm_config.model_id} failed to warm up: {error.message}")

    async def _exit_when_the_engine_dies(self) -> None:
        # The engine is a child process. When it dies, this one stays up and fails every request at once, so that the
        # router sends it more and more of them. Exiting makes Serve start another replica.
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            try:
                await self.check_health()
            except Exception:
                logger.exception("the engine of %s is dead: this replica exits", self._llm_config.model_id)
                os._exit(1)

    async def __del__(self) -> None:
        # Serve awaits this when it stops a replica: the engine's process must not outlive it.
        client = getattr(getattr(self, "engine", None), "_engine_client", None)
        if watchdog := getattr(self, "_watchdog", None):
            watchdog.cancel()
        if client is not None:
            client.shutdown()


def complete(request: Any, system_prompt: str | None, chat_template_kwargs: dict[str, Any]) -> None:
    """Adds to a chat ``request`` what the student was trained with and the client omitted."""
    if system_prompt is not None and not _has_system_message(request.messages):
        request.messages.insert(0, {"role": "system", "content": system_prompt})
    if chat_template_kwargs:
        request.chat_template_kwargs = {**chat_template_kwargs, **(request.chat_template_kwargs or {})}


def _has_system_message(messages: list) -> bool:
    return any(message["role"] in ("system", "developer") for message in messages)
