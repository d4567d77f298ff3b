"""Requests and replies in the format of the OpenAI chat API."""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletion
from openai.types.chat.chat_completion import Choice

from distilray.models.replies import Reply
from distilray.models.requests import Constraint, GenerateRequest
from distilray.models.settings.openai import OpenAIModel

# Sampling settings that the API has, and those that only vLLM and similar servers know: sent where they differ from
# their defaults.
_STANDARD = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_BEYOND = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "ignore_eos": False}

_ONE_OF = {
    "en": "Reply with exactly one of the following and nothing else: {}",
    "zh": "只回复以下选项之一,不要输出其他任何内容:{}",
}
_JSON_OF = {
    "en": "Reply with one JSON object and nothing else. It must satisfy this JSON schema: {}",
    "zh": "只回复一个 JSON 对象,不要输出其他任何内容。它必须符合以下 JSON schema:{}",
}


def body(settings: OpenAIModel, request: GenerateRequest) -> dict[str, Any]:
    """Arguments of ``chat.completions.create`` except ``n`` and ``seed``."""
    sampling = dict(request.sampling)
    messages = request.messages
    if settings.system is not None and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": settings.system}, *messages]
    extra = {name: sampling[name] for name, without in _BEYOND.items() if sampling[name] != without}
    prompt: dict[str, Any] = {
        "model": settings.model,
        "messages": messages,
        **{name: sampling[name] for name in _STANDARD},
    }
    if "max_completion_tokens" not in settings.extra_body:
        prompt["max_tokens"] = sampling["max_tokens"]
    if sampling["stop"]:
        prompt["stop"] = list(sampling["stop"])
    if sampling["logprobs"] is not None:
        prompt |= {"logprobs": True, "top_logprobs": sampling["logprobs"]}
    if request.constraint is not None:
        _constrain(prompt, extra, request.constraint, settings.structured)
    prompt["extra_body"] = {**extra, **settings.extra_body}
    return prompt


def _constrain(prompt: dict[str, Any], extra: dict[str, Any], constraint: Constraint, structured: str) -> None:
    if structured == "vllm":
        extra["structured_outputs"] = {constraint.kind: constraint.value}
    elif constraint.kind == "json" and structured == "openai":
        schema = {"name": "reply", "schema": constraint.value, "strict": True}
        prompt["response_format"] = {"type": "json_schema", "json_schema": schema}
    else:
        prompt["messages"] = _told(prompt["messages"], constraint)


def _told(messages: list[dict[str, str]], constraint: Constraint) -> list[dict[str, str]]:
    """Appends the constraint in words, in the language of the last message."""
    *before, last = messages
    language = "zh" if any("\u4e00" <= character <= "\u9fff" for character in last["content"]) else "en"
    if constraint.kind == "choice":
        words = _ONE_OF[language].format(" | ".join(constraint.value))
    else:
        words = _JSON_OF[language].format(json.dumps(constraint.value, ensure_ascii=False))
    return [*before, {**last, "content": f"{last['content']}\n\n{words}"}]


def replies_of(completion: ChatCompletion, *, first: bool) -> list[Reply]:
    """One reply per choice. The API reports tokens as one sum: it is divided among choices by length, and the ``first``
    carries the prompt's."""
    usage = completion.usage
    choices = sorted(completion.choices, key=lambda choice: choice.index)
    lengths = [len(choice.message.content or "") + len(_reasoning(choice) or "") + 1 for choice in choices]
    replies = []
    left = usage.completion_tokens if usage else 0
    for k, choice in enumerate(choices):
        share = left * lengths[k] // sum(lengths[k:])
        left -= share
        paid = first and k == 0 and usage is not None
        cached = usage.prompt_tokens_details.cached_tokens if paid and usage.prompt_tokens_details else 0
        replies.append(
            Reply(
                text=choice.message.content or "",
                finish_reason=choice.finish_reason,
                tokens_in=usage.prompt_tokens if paid else 0,
                tokens_out=share,
                tokens_cached=cached or 0,
                reasoning=_reasoning(choice),
                logprobs=_logprobs(choice),
            )
        )
    return replies


def _reasoning(choice: Choice) -> str | None:
    """Reasoning models' thoughts: endpoints call the field ``reasoning_content`` or ``reasoning``."""
    extra = choice.message.model_extra or {}
    return extra.get("reasoning_content") or extra.get("reasoning") or None


def _logprobs(choice: Choice) -> list[dict[str, float]] | None:
    if choice.logprobs is None or choice.logprobs.content is None:
        return None
    return [
        {token.token: token.logprob, **{top.token: top.logprob for top in token.top_logprobs}}
        for token in choice.logprobs.content
    ]
