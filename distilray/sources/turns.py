"""Converts the turns of a conversation from the many formats to ``{"role", "content"}`` with three roles.

{"from": "human", "value": "Hi"}                                        ShareGPT
{"role": "user", "content": [{"type": "text", "text": "Hi"}]}           OpenAI, content in parts
{"role": "assistant", "content": "Hello", "reasoning_content": "..."}   with the trace apart
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from distilray.rows import MalformedRecord, split_reasoning, strip_reasoning, weight_of
from distilray.sources.marks import REPLY, WEIGHT
from distilray.sources.nested import is_no_number

ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}
TOOL_ROLES = {"tool", "function", "function_call", "tool_call", "observation", "tool_response"}
TRACE_KEYS = ("reasoning_content", "reasoning", "thinking")

Message = dict[str, Any]
"""``role`` and ``content``; while a record is read, its marks too (:mod:`distilray.sources.marks`)."""


def as_text(value: Any, what: str) -> str:
    """``value`` where text is expected: text, a number or OpenAI's list of text parts; nothing is ``""``."""
    if isinstance(value, str):
        return value
    if value is None or is_no_number(value):
        return ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(piece, dict) and "type" in piece for piece in value):
        if any(piece["type"] != "text" for piece in value):
            raise MalformedRecord(f"{what} has parts that are not text")
        return "".join(as_text(piece.get("text"), what) for piece in value)
    raise MalformedRecord(f"{what} is not text")


def read_turns(turns: Any) -> tuple[list[Message], str | None, str | None]:
    """The messages up to the turn to be answered, and the trace and the answer of a last assistant turn.

    Traces of earlier assistant turns are left out, as chat templates of reasoning models do. A last turn that is marked
    as not to be trained on is no answer.
    """
    if not isinstance(turns, list):
        raise MalformedRecord("conversation is not a list of turns")
    messages: list[Message] = []
    reasoning: str | None = None
    for turn in turns:
        role, content, reasoning = _read_turn(turn)
        if role == "system" and not content:
            continue
        message: Message = {"role": role, "content": content}
        if role == "assistant" and (weight := weight_of(turn)) != 1:
            message[WEIGHT] = weight
        messages.append(message)
    answer = None
    if messages and messages[-1]["role"] == "assistant":
        last = messages.pop()
        answer = last["content"] or None if last.get(WEIGHT) != 0 else None
        if messages and WEIGHT in last:
            messages[-1][REPLY] = last
    return check_messages(messages), reasoning if answer else None, answer


def check_messages(messages: list[Message]) -> list[Message]:
    """``messages`` if they can be answered: the last is the user's, none is empty, system only first."""
    if not any(message["role"] == "user" for message in messages):
        raise MalformedRecord("no user turn")
    for k, message in enumerate(messages):
        if not message["content"].strip():
            raise MalformedRecord("empty instruction" if k == len(messages) - 1 else f"empty {message['role']} turn")
        if message["role"] == "system" and k:
            raise MalformedRecord("system turn after the first turn")
    if messages[-1]["role"] != "user":
        raise MalformedRecord(f"{messages[-1]['role']} turn where the user's should be")
    return messages


def _read_turn(turn: Any) -> tuple[str, str, str | None]:
    if not isinstance(turn, dict):
        raise MalformedRecord("turn is not an object")
    named = turn.get("role") or turn.get("from")
    if not isinstance(named, str):
        raise MalformedRecord("turn without a role")
    if named.lower() in TOOL_ROLES or turn.get("tool_calls") or turn.get("function_call"):
        raise MalformedRecord("tool turns are not supported")
    role = ROLES.get(named.lower())
    if role is None:
        raise MalformedRecord("turn of an unknown role")
    content = as_text(turn["content"] if "content" in turn else turn.get("value"), f"{role} turn")
    if role != "assistant":
        return role, content, None
    for key in TRACE_KEYS:
        if isinstance(turn.get(key), str) and turn[key].strip():
            if not content.strip():
                raise MalformedRecord("trace without an answer after it")
            return role, content, strip_reasoning(turn[key])
    reasoning, content = split_reasoning(content)
    return role, content, reasoning
