"""The formats of records and what each holds: a conversation, its trace, its answers, its reference.

Each form is a function that removes what it uses from the record (its own dict); the rest becomes the
row's ``extra``. :func:`recognise` chooses one by the record's keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from distilray.rows import MalformedRecord, split_reasoning, strip_reasoning
from distilray.sources.marks import REPLY
from distilray.sources.nested import as_turns
from distilray.sources.turns import Message, as_text, check_messages, read_turns

Record = dict[str, Any]

INSTRUCTION = ("instruction", "question", "problem", "query", "prompt")
ANSWER = ("output", "full_response", "response", "deepseek_solution", "completion", "solution", "answer")
TRACE = ("reasoning", "reasoning_content", "deepseek_reasoning", "thinking", "thought")
REFERENCE = ("reference", "expected_answer", "ground_truth", "ground_truth_solution", "final_answer")
TURNS = ("messages", "conversations", "conversation")
CHOSEN = ("chosen", "response_chosen")
REJECTED = ("rejected", "response_rejected")
_CHOSEN, _TURNS, _INSTRUCTION = frozenset(CHOSEN), frozenset(TURNS), frozenset(INSTRUCTION)


@dataclass(slots=True)
class Conversation:
    """``messages`` up to the turn to be answered, and what answers it."""

    messages: list[Message]
    reasoning: str | None = None
    answer: str | None = None
    rejected_answer: str | None = None


def recognise(record: Record) -> Callable[[Record], Conversation]:
    """The form of a record, by its keys."""
    if not _CHOSEN.isdisjoint(record) and _has(record, CHOSEN) and _has(record, REJECTED):
        return preference
    if not _TURNS.isdisjoint(record) and _has(record, TURNS):
        return conversation
    if "prompt" in record and (isinstance(record["prompt"], list | dict) or _has(record, ("completion",))):
        return prompt_completion
    if not _INSTRUCTION.isdisjoint(record):
        return instruction
    raise MalformedRecord("no known form (name the columns, or give `columns`)")


def instruction(record: Record) -> Conversation:
    """Alpaca (instruction, input, output, system, history) and similar forms: question and answer, problem and
    solution with the trace in a column of its own, or an instruction alone."""
    text = as_text(_take(record, INSTRUCTION), "instruction")
    context = as_text(record.pop("input", None), "input")
    if context.strip():
        text = f"{text}\n{context}" if text.strip() else context
    messages = _opening(record)
    messages.append({"role": "user", "content": text})
    return Conversation(check_messages(messages), *_answer(record))


def conversation(record: Record) -> Conversation:
    """ShareGPT (conversations of from and value) and messages (role and content), also as JSON text or as lists. Turns
    that end with the user's may have their answer, and its trace, in separate columns."""
    if record.get("tools"):
        raise MalformedRecord("tool turns are not supported")
    turns = as_turns(_take(record, TURNS))
    system = _system(record)
    messages, reasoning, answer = read_turns([*system, *turns] if isinstance(turns, list) else turns)
    if answer is None:
        reasoning, answer = _answer(record)
    return Conversation(messages, reasoning, answer)


def prompt_completion(record: Record) -> Conversation:
    """prompt and completion, each text or messages."""
    messages = _prompt(record)
    reasoning, answer = _reply(_of_turns(record.pop("completion", None)), messages, "completion")
    return Conversation(messages, reasoning, answer)


def preference(record: Record) -> Conversation:
    """prompt (or any other form's question), chosen and rejected; these are text, a turn, or messages that
    may hold the prompt themselves."""
    chosen, rejected = (_of_turns(_take(record, names)) for names in (CHOSEN, REJECTED))
    if _has(record, TURNS):
        messages = conversation(record).messages
    elif any(_filled(record.get(key)) for key in INSTRUCTION):
        messages = _prompt(record) if "prompt" in record else instruction(record).messages
    elif isinstance(chosen, list):
        messages = read_turns(chosen)[0]
    else:
        raise MalformedRecord("no prompt")
    reasoning, answer = _reply(chosen, messages, "chosen")
    trace, other = _reply(rejected, messages, "rejected")
    if answer is None or other is None:
        raise MalformedRecord("chosen or rejected is empty")
    return Conversation(messages, reasoning, answer, f"<think>\n{trace}\n</think>\n\n{other}" if trace else other)


FORMS: dict[str, Callable[[Record], Conversation]] = {
    "alpaca": instruction,
    "sharegpt": conversation,
    "messages": conversation,
    "prompt_completion": prompt_completion,
    "preference": preference,
}


def explode_record(record: Record) -> list[Record]:
    """The records within one: each of a Self-Instruct seed's ``instances``, each of OmniThought's traces."""
    for key in ("instances", "reasoning"):
        parts = record.get(key)
        if isinstance(parts, list) and parts and all(isinstance(item, dict) for item in parts):
            rest = {name: value for name, value in record.items() if name != key}
            return [{**_as_reference(rest, item), **item} for item in parts]
    return [record]


def take_reference(record: Record) -> str | None:
    """The known right answer, if the record has one under a usual name, or next to a worked solution."""
    found = _take(record, REFERENCE)
    if found is None and "solution" in record and _filled(record.get("answer")):
        found = record.pop("answer")
    return as_text(found, "reference").strip() or None


def _as_reference(rest: Record, item: Record) -> Record:
    """If the part has its own answer, the ``answer`` that all parts share is the reference."""
    if "answer" in rest and "full_response" in item:
        rest = dict(rest)
        rest["reference"] = rest.pop("answer")
    return rest


def _opening(record: Record) -> list[Message]:
    """The system message and the earlier turns (``history``: pairs of question and answer) of Alpaca."""
    messages = _system(record)
    history = record.pop("history", None) or []
    if not isinstance(history, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in history):
        raise MalformedRecord("history is not a list of pairs")
    for question, answer in history:
        messages.append({"role": "user", "content": as_text(question, "history")})
        messages.append({"role": "assistant", "content": split_reasoning(as_text(answer, "history"))[1]})
    return messages


def _system(record: Record) -> list[Message]:
    text = as_text(record.pop("system", None), "system")
    return [{"role": "system", "content": text}] if text.strip() else []


def _prompt(record: Record) -> list[Message]:
    prompt = _of_turns(record.pop("prompt", None))
    if isinstance(prompt, list):
        messages, _, answer = read_turns([*_system(record), *prompt])
        if answer is not None or REPLY in messages[-1]:
            raise MalformedRecord("prompt ends with an assistant turn")
        return messages
    return check_messages([*_opening(record), {"role": "user", "content": as_text(prompt, "prompt")}])


def _answer(record: Record) -> tuple[str | None, str | None]:
    """Trace and answer in separate columns, or the trace inside the answer."""
    given = _take(record, TRACE, str)
    answer = as_text(_take(record, ANSWER), "answer")
    reasoning, answer = (strip_reasoning(given), answer) if given and given.strip() else split_reasoning(answer)
    return reasoning, answer if answer.strip() else None


def _reply(reply: Any, messages: list[Message], what: str) -> tuple[str | None, str | None]:
    """Trace and text of the reply to ``messages``."""
    turns = [reply] if isinstance(reply, dict) else reply
    if not isinstance(turns, list):
        reasoning, answer = split_reasoning(as_text(reply, what))
        return reasoning, answer if answer.strip() else None
    if len(turns) == 1:
        asked, reasoning, answer = read_turns([*messages, *turns])
        if REPLY in asked[-1]:
            messages[-1][REPLY] = asked[-1][REPLY]
        return reasoning, answer
    before, reasoning, answer = read_turns(turns)
    if [(turn["role"], turn["content"]) for turn in before] != [(turn["role"], turn["content"]) for turn in messages]:
        raise MalformedRecord(f"{what} answers another prompt")
    return reasoning, answer


def _of_turns(value: Any) -> Any:
    """A list of turns that is written as lists; text stays text, even if it is JSON."""
    return as_turns(value) if isinstance(value, dict) else value


def _take(record: Record, names: tuple[str, ...], kind: type = object) -> Any:
    """The first nonempty value among ``names``, removed from the record."""
    for name in names:
        if name in record:
            value = record[name]
            if value is not None and value != "" and isinstance(value, kind):
                return record.pop(name)
    return None


def _has(record: Record, names: tuple[str, ...]) -> bool:
    return any(record.get(name) is not None for name in names)


def _filled(value: Any) -> bool:
    return value is not None and value != ""
