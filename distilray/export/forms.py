"""Rows in the formats that trainers read: one record per row, with its Arrow schema.

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

from distilray.rows import MESSAGES, join_reasoning, label_of, marks_of, split_reasoning
from distilray.sources import Message

ExportForm = Literal["messages", "sharegpt", "alpaca", "prompt_completion", "preference"]

_FROM = {"system": "system", "user": "human", "assistant": "gpt"}


class Unfit(ValueError):
    """Why a row has no record of this form; short and countable."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row's texts, with the student's system prompt and, if wanted, its trace."""

    prompt: list[Message]
    answer: str
    rejected_answer: str | None
    weight: float | None = None
    """Of the answer, where turns have weights; those of the assistant's in ``prompt`` have theirs then."""


def render(row: dict[str, Any], system: str | None, think: bool, weights: bool = False) -> Rendered:
    """``system`` goes before rows without a system message of their own; ``think`` puts the trace before
    the answer; with ``weights`` the assistant's turns have a ``weight``: 0 where they are not to be trained on.

    Raises:
        Unfit: the row was not kept in an earlier step, or it has no answer.
    """
    if row["outcome"] not in (None, "kept"):
        raise Unfit(f"{row['outcome']} in an earlier step")
    if not row["answer"]:
        raise Unfit("no answer")
    prompt, weight = _weighed(row) if weights else (row["messages"], None)
    if system and prompt[0]["role"] != "system":
        prompt = [{"role": "system", "content": system}, *prompt]
    rejected = row["rejected_answer"]
    if not think and rejected:
        rejected = split_reasoning(rejected)[1]
    answer = join_reasoning(row["reasoning"] if think else None, row["answer"])
    return Rendered(prompt, answer, rejected, weight)


def _weighed(row: dict[str, Any]) -> tuple[list[Message], float]:
    """The turns before the answer with their weights, and the answer's weight: 0 of one that is called bad."""
    marks, messages = marks_of(row), row["messages"]
    if marks.turns and len(marks.turns) not in (len(messages), len(messages) + 1):
        raise Unfit("its turns are not those that its source has marked")
    weights = [0] * (len(messages) + 1) if marks.row else [*marks.turns, *[1] * (len(messages) + 1)]
    prompt = [
        {**turn, "weight": weight} if turn["role"] == "assistant" else turn
        for turn, weight in zip(messages, weights, strict=False)
    ]
    return prompt, 0 if label_of(row) is False else weights[len(messages)]


def _messages(rendered: Rendered) -> dict[str, Any]:
    return {"messages": [*rendered.prompt, *_assistant(rendered, rendered.answer)]}


def _sharegpt(rendered: Rendered) -> dict[str, Any]:
    turns = [*rendered.prompt, *_assistant(rendered, rendered.answer)]
    named = {"role": "from", "content": "value", "weight": "weight"}
    made = [{named[key]: value for key, value in turn.items()} for turn in turns]
    return {"conversations": [{**turn, "from": _FROM[turn["from"]]} for turn in made]}


def _alpaca(rendered: Rendered) -> dict[str, Any]:
    if any(turn.get("weight", 1) != 1 for turn in [*rendered.prompt, _assistant(rendered, "")[0]]):
        raise Unfit("a turn is not to be trained on, which this form cannot say")
    system = rendered.prompt[0]["content"] if rendered.prompt[0]["role"] == "system" else ""
    *earlier, last = rendered.prompt[1:] if system else rendered.prompt
    pairs = [earlier[k : k + 2] for k in range(0, len(earlier), 2)]
    if any([turn["role"] for turn in pair] != ["user", "assistant"] for pair in pairs):
        raise Unfit("turns that do not alternate")
    return {
        "instruction": last["content"],
        "input": "",
        "output": rendered.answer,
        "system": system,
        "history": [[turn["content"] for turn in pair] for pair in pairs],
    }


def _prompt_completion(rendered: Rendered) -> dict[str, Any]:
    return {"prompt": rendered.prompt, "completion": _assistant(rendered, rendered.answer)}


def _preference(rendered: Rendered) -> dict[str, Any]:
    if not rendered.rejected_answer:
        raise Unfit("no rejected answer")
    return {
        "prompt": rendered.prompt,
        "chosen": _assistant(rendered, rendered.answer),
        "rejected": _assistant(rendered, rendered.rejected_answer),
    }


def _assistant(rendered: Rendered, content: str) -> list[Message]:
    weight = {} if rendered.weight is None else {"weight": rendered.weight}
    return [{"role": "assistant", "content": content, **weight}]


_TURNS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
_TEXT = pa.string()

EXPORT_FORMS: dict[ExportForm, tuple[Callable[[Rendered], dict[str, Any]], pa.Schema]] = {
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


def schema_of(form: ExportForm, *, weights: bool = False) -> pa.Schema:
    """The schema of the records of ``form``; with ``weights`` turns have a ``weight``."""
    schema = EXPORT_FORMS[form][1]
    if not weights:
        return schema
    return pa.schema([_with_weight(field) for field in schema])


def _with_weight(field: pa.Field) -> pa.Field:
    turns = field.type
    if not (pa.types.is_list(turns) and pa.types.is_struct(turns.value_type)):
        return field
    return field.with_type(pa.list_(pa.struct([*turns.value_type, ("weight", pa.float64())])))
