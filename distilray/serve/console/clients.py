"""What answers in a chat: a served model over HTTP, or a checkpoint in this process.

A checkpoint that is not served is run by transformers in this process. That starts fastest on a laptop: no engine
process, no cluster, no KV cache to reserve (measured at the same heavy load on two cores: 23 to 33 s to the
first reply, where Ray Serve was ready after 298 s), and one person typing needs no batching.
"""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from distilray.checkpoints import resolve_path
from distilray.errors import DistilrayError
from distilray.serve.settings import ServedModel

Message = dict[str, str]

API_KEY_VARIABLE = "DISTILRAY_API_KEY"
"""Environment variable with the key that a chat sends."""


LISTED_WITHIN = httpx.Timeout(30, connect=5)
"""Seconds for the list of models: a busy server must not be mistaken for an absent one."""


class CannotAnswer(DistilrayError):
    """The model did not answer this question; the conversation can continue."""


class ChatClient(Protocol):
    name: str

    def answer(self, messages: list[Message]) -> Iterator[str]:
        """The reply to ``messages`` in pieces, as they come; raises :class:`CannotAnswer`."""
        ...


class Served:
    """The model ``name`` behind an OpenAI-compatible ``url`` (without /v1)."""

    def __init__(
        self, url: str, name: str, context: int | None, *, key: str, temperature: float, max_tokens: int
    ) -> None:
        import openai  # takes a second to import, and not every chat needs it

        self.name = name
        # A server refuses a reply that may not fit behind its prompt; half of a small context is for the prompt.
        max_tokens = min(max_tokens, context // 2) if context else max_tokens
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=2)
        self._sampling: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}

    def answer(self, messages: list[Message]) -> Iterator[str]:
        from openai import APIError

        try:
            request: Any = {"model": self.name, "messages": messages, "stream": True, **self._sampling}
            stream = self._client.chat.completions.create(**request)
            for event in stream:
                if event.choices and (piece := event.choices[0].delta.content):
                    yield piece
        except APIError as error:
            raise CannotAnswer(f"{self.name}: {error.message}") from error


class InProcess:
    """The checkpoint of ``model``, run by transformers on the fastest device of this machine."""

    def __init__(self, model: ServedModel, *, temperature: float, max_tokens: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.name = model.id
        path = resolve_path(model.source)
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self._system, self._template = model.system_prompt, model.chat_template_kwargs
        self._tokenizer = AutoTokenizer.from_pretrained(path)
        loaded: Any = AutoModelForCausalLM.from_pretrained(path, dtype=model.engine.get("dtype", "auto"))
        self._model = loaded.to(device).eval()
        self._context = model.engine.get("max_model_len") or getattr(
            self._model.config, "max_position_embeddings", None
        )
        self._max_tokens = max_tokens
        self._sampling: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature > 0:
            self._sampling["temperature"] = temperature

    def answer(self, messages: list[Message]) -> Iterator[str]:
        from transformers import TextIteratorStreamer

        if self._system is not None and not any(turn["role"] == "system" for turn in messages):
            messages = [{"role": "system", "content": self._system}, *messages]
        prompt = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True, **self._template
        ).to(self._model.device)
        used = prompt["input_ids"].shape[1]
        room = self._context - used if self._context else self._max_tokens
        if room < 1:
            raise CannotAnswer(f"{self.name}: the conversation has {used} tokens, its context {self._context}")
        pieces = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        stop = threading.Event()
        failure: queue.Queue[BaseException] = queue.Queue()

        def generate() -> None:
            try:
                self._model.generate(
                    **prompt,
                    **self._sampling,
                    max_new_tokens=min(self._max_tokens, room),
                    streamer=pieces,
                    stopping_criteria=[lambda ids, scores: stop.is_set()],
                )
            except Exception as error:
                failure.put(error)
                pieces.end()

        thread = threading.Thread(target=generate, daemon=True)
        thread.start()
        try:
            yield from (piece for piece in pieces if piece)
        finally:
            stop.set()
            thread.join()
        if not failure.empty():
            raise failure.get()


@dataclass(frozen=True)
class Card:
    """A model as its server describes it."""

    checkpoint: str
    context: int | None
    """Most tokens of prompt and reply together."""


def served_models(url: str, key: str) -> dict[str, Card] | None:
    """Cards by model id of the server at ``url``; None where no such server answers.

    Raises :class:`CannotAnswer` where the server refuses ``key``.
    """
    try:
        reply = httpx.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=LISTED_WITHIN)
    except httpx.TransportError:
        return None
    if reply.status_code == 401:
        raise CannotAnswer(f"{url} requires an API key: set {API_KEY_VARIABLE}")
    if reply.status_code != 200 or not reply.headers.get("content-type", "").startswith("application/json"):
        return None
    cards = reply.json().get("data", [])
    return {card["id"]: Card(str(card.get("root", "")), card.get("max_model_len")) for card in cards}


def is_same_checkpoint(served: str, wanted: str) -> bool:
    return served == wanted or (Path(served).exists() and Path(served).resolve() == Path(wanted).resolve())
