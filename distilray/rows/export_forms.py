"""Rows in the shapes that trainers read: one record a row, with its Arrow schema.

messages           {"messages": [..., {"role": "assistant", "content": answer}]}                TRL SFT
prompt_completion  {"prompt": [...], "completion": [{"role": "assistant", ...}]}                TRL SFT
preference         {"prompt": [...], "chosen": [...], "rejected": [...]}                        TRL DPO
sharegpt           {"conversations": [{"from": "human", "value": ...}, {"from": "gpt", ...}]}
alpaca             {"instruction", "input", "output", "system", "history"}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from distilray.rows.schema import MESSAGES
from distilray.rows.traces import joined, part
from distilray.rows.turns import Message

ExportForm = Literal["messages", "sharegpt", "alpaca", "prompt_completion", "preference"]

_FROM = {"system": "system", "user": "human", "assistant": "gpt"}


class Unfit(ValueError):
    """Why a row has no record of this form; short and countable."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says, once the student's system prompt is in and the trace is where it is wanted."""

    prompt: list[Message]
    answer: str
    rejected_answer: str | None


def said(row: dict[str, Any], system: str | None, think: bool) -> Said:
    """``system`` goes before rows without a system message of their own; ``think`` puts the trace before
    the answer.

    Raises:
        Unfit: the row's way ended in an earlier step, or it has no answer.
    """
    if row["outcome"] not in (None, "kept"):
        raise Unfit(f"{row['outcome']} in an earlier step")
    if not row["answer"]:
        raise Unfit("no answer")
    prompt = row["messages"]
    if system and prompt[0]["role"] != "system":
        prompt = [{"role": "system", "content": system}, *prompt]
    rejected = row["rejected_answer"]
    if not think and rejected:
        rejected = part(rejected)[1]
    return Said(prompt, joined(row["reasoning"] if think else None, row["answer"]), rejected)


def _messages(said: Said) -> dict[str, Any]:
    return {"messages": [*said.prompt, *_assistant(said.answer)]}


def _sharegpt(said: Said) -> dict[str, Any]:
    turns = [*said.prompt, *_assistant(said.answer)]
    return {"conversations": [{"from": _FROM[turn["role"]], "value": turn["content"]} for turn in turns]}


def _alpaca(said: Said) -> dict[str, Any]:
    system = said.prompt[0]["content"] if said.prompt[0]["role"] == "system" else ""
    *earlier, last = said.prompt[1:] if system else said.prompt
    pairs = [earlier[k : k + 2] for k in range(0, len(earlier), 2)]
    if any([turn["role"] for turn in pair] != ["user", "assistant"] for pair in pairs):
        raise Unfit("turns that do not alternate")
    return {
        "instruction": last["content"],
        "input": "",
        "output": said.answer,
        "system": system,
        "history": [[turn["content"] for turn in pair] for pair in pairs],
    }


def _prompt_completion(said: Said) -> dict[str, Any]:
    return {"prompt": said.prompt, "completion": _assistant(said.answer)}


def _preference(said: Said) -> dict[str, Any]:
    if not said.rejected_answer:
        raise Unfit("no rejected answer")
    return {
        "prompt": said.prompt,
        "chosen": _assistant(said.answer),
        "rejected": _assistant(said.rejected_answer),
    }


def _assistant(content: str) -> list[Message]:
    return [{"role": "assistant", "content": content}]


_TURNS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
_TEXT = pa.string()

EXPORT_FORMS: dict[ExportForm, tuple[Callable[[Said], dict[str, Any]], pa.Schema]] = {
    "messages": (_messages, pa.schema([("messages", MESSAGES)])),
    "sharegpt": (_sharegpt, pa.schema([("conversations", _TURNS)])),
    "alpaca": (
        _alpaca,
        pa.schema(
            [
                ("instruction", _TEXT),
                ("input", _TEXT),
                ("output", _TEXT),
                ("system", _TEXT),
                ("history", pa.list_(pa.list_(_TEXT))),
            ]
        ),
    ),
    "prompt_completion": (_prompt_completion, pa.schema([("prompt", MESSAGES), ("completion", MESSAGES)])),
    "preference": (
        _preference,
        pa.schema([("prompt", MESSAGES), ("chosen", MESSAGES), ("rejected", MESSAGES)]),
    ),
}
