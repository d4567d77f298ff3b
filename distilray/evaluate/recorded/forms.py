"""Records of others become responses, whatever their project calls things.

{"task_id": "HumanEval/0", "completion": "    return 1"}                            HumanEval's samples
{"doc_id": 0, "doc": {...}, "resps": [["18"]], "filter": "strict-match"}             lm-evaluation-harness's samples
{"index": 0, "model_output": {"choices": [{"message": ...}]}, "metadata": {...}}     evalscope's predictions
{"index": 0, "sample_score": {"score": {"prediction": "18"}}, "target": ["18"]}      evalscope's reviews
{"question": "...", "ground_truth": "...", "6b_finetuning": {"solution": "..."}}     GSM8K's model solutions
{"custom_id": "HumanEval/0", "response": {"body": {"choices": [...], "usage": ...}}}  OpenAI's batches, or their bodies
{"question_id": "1873_A", "code_list": ["..."]}                                      LiveCodeBench's outputs
{"instruction": "...", "output_1": "...", "output_2": "...", "preference": 1.4}     AlpacaEval's annotations of output_2
{"question_id": 81, "turn": 1, "score": 8, "judgment": "... [[8]]"}                  MT-Bench's judgments
{"prompt": "...", "response": "..."}, {"instruction": "...", "output": "..."}        IFEval, AlpacaEval, and most others
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from distilray.errors import InputError
from distilray.evaluate.recorded.responses import Response

TEXTS = (
    "response", "responses", "completion", "completions", "output", "outputs", "output_list", "code_list",
    "prediction", "predictions", "generation", "generations", "generated_text", "model_outputs", "model_output",
    "model_response", "model_answer", "solution", "solutions", "code", "reply", "text", "answer", "answers",
)  # fmt: skip
"""Where a record keeps a response, or a list of them; what most clearly means one comes first."""
REFERENCES = ("solution", "solutions", "code", "answer", "answers")
"""Of those, the ones in which data sets keep references: a response only where nothing else can be one."""
IDS = (
    "question_id", "task_id", "unique_id", "key", "id", "doc_id", "qid", "sample_id", "problem_id",
    "custom_id",
)  # fmt: skip
PROMPTS = (
    "prompt", "question", "instruction", "problem", "question_content", "Problem", "Question", "input", "query",
    "user_prompt",
)  # fmt: skip
MODELS = ("model", "generator", "model_id", "model_name")
FINISHES = ("finish_reason", "stop_reason", "finish_reasons")
TOKENS = ("output_tokens", "completion_tokens", "tokens_out", "num_output_tokens")

OPTIONS = ("choices", "options", "A", "B", "C", "D")
ABOUT = {
    *IDS, *PROMPTS, *MODELS, *FINISHES, *OPTIONS, *REFERENCES, "subject", "category", "level", "url", "year", "source",
    "src", "explanation", "difficulty", "entry_point", "test", "test_list", "language", "reference", "target", "index",
    "text", "test_setup_code", "challenge_test_list",
}  # fmt: skip
"""Columns that say something of the question or the model, and are no responses."""


class ResponseError(InputError):
    """A record without a response, or of a question that does not exist; the text names place, value and remedy."""


def responses_of(record: dict[str, Any], place: str) -> Iterator[Response]:
    """The responses in one record, all to the same question but perhaps of several models.

    Raises :class:`ResponseError` where the record holds none.
    """
    if of_harness(record):
        return _of_harness(record, place)
    if isinstance(record.get("model_output"), Mapping) or isinstance(record.get("sample_score"), Mapping):
        return _of_evalscope(record, place)
    if "output_2" in record and "preference" in record:
        text, model = _text(record["output_2"], place), str(record.get("generator_2") or "")
        return iter([replace(_about(record, place), text=text, model=model, judgment=True)])
    if "turn" in record and ("score" in record or "judgment" in record):
        return iter([replace(_about(record, place), judgment=True)])
    if isinstance(answer := record.get("response"), Mapping) and isinstance(answer.get("body"), Mapping):
        record = {**record, **answer["body"]}
    if isinstance(said := record.get("choices"), list) and said and isinstance(said[0], Mapping):
        return _of_choices(record, said, place)
    solved = {name: value for name, value in record.items() if isinstance(value, Mapping) and "solution" in value}
    if solved:
        return _of_models(record, solved, place)
    return _plain(record, place)


def of_harness(record: Mapping[str, Any]) -> bool:
    """Whether it is a sample of lm-evaluation-harness."""
    return ("doc" in record or "doc_id" in record) and ("resps" in record or "filtered_resps" in record)


def _of_harness(record: dict[str, Any], place: str) -> Iterator[Response]:
    doc = record.get("doc") or {}
    raw = record.get("resps") or record.get("filtered_resps") or []
    about = _about({**record, **{name: doc[name] for name in (*IDS, *PROMPTS) if name in doc}}, place)
    about = replace(about, doc=doc or None, record=record)
    if "subject" in doc and "doc_id" in record:
        about = replace(about, ids=(f"{doc['subject']}/{record['doc_id']}", *about.ids))
    if doc.get("prompt") is None and (shown := _harness_prompt(record.get("arguments"))):
        about = replace(about, prompts=(*about.prompts, shown))
    if scores := _scores(raw):
        yield replace(about, choice_scores=scores)
        return
    for text in (raw[0] if raw and isinstance(raw[0], list) else raw) or [None]:
        yield replace(about, text=_text(text, place))


def _harness_prompt(arguments: Any) -> str:
    """The prompt of a request, which is the first argument of the first one: a text, or the JSON of a conversation."""
    while isinstance(arguments, Mapping | Sequence) and not isinstance(arguments, str) and arguments:
        arguments = next(iter(arguments.values())) if isinstance(arguments, Mapping) else arguments[0]
    if not isinstance(arguments, str):
        return ""
    if arguments.lstrip().startswith("[{"):
        with contextlib.suppress(ValueError):
            return "\n\n".join(_content(turn) for turn in json.loads(arguments))
    return arguments


def _scores(raw: Any) -> tuple[float, ...]:
    """The log-likelihood of each option, where these were measured: ``[[["-3.2", "False"]], [["-0.1", "True"]]]``, or
    filtered ``[["-3.2", "False"], ...]``; empty for texts."""
    pairs = [one[0] if isinstance(one, list) and one and isinstance(one[0], list) else one for one in raw]
    if len(pairs) < 2 or not all(
        isinstance(pair, list) and len(pair) == 2 and str(pair[1]) in ("True", "False") for pair in pairs
    ):
        return ()
    return tuple(float(pair[0]) for pair in pairs)


def _of_evalscope(record: dict[str, Any], place: str) -> Iterator[Response]:
    about = record.get("metadata") or {}
    if isinstance(scored := record.get("sample_score"), Mapping):
        about = about or scored.get("sample_metadata") or {}
    asked = [_content(turn) for turn in record.get("messages") or () if turn.get("role") == "user"]
    asked += [record["input"]] if isinstance(record.get("input"), str) else []
    known = {name: about[name] for name in (*IDS, *PROMPTS) if isinstance(about.get(name), str | int)}
    response = _about({**known, "model": record.get("model") or ""}, place)
    response = replace(response, record=record, prompts=(*response.prompts, *reversed(asked)))
    if "subject" in about and "index" in record:
        response = replace(response, ids=(f"{about['subject']}/{record['index']}", *response.ids))
    output = record.get("model_output")
    if not isinstance(output, Mapping):
        yield replace(response, text=_text(record["sample_score"]["score"].get("prediction"), place))
        return
    tokens = (output.get("usage") or {}).get("output_tokens")
    for choice in output.get("choices") or [{}]:
        text = _content(choice.get("message") or {})
        yield replace(response, text=text, finish_reason=choice.get("stop_reason"), output_tokens=tokens)


def _of_choices(record: dict[str, Any], choices: Sequence[Mapping[str, Any]], place: str) -> Iterator[Response]:
    """The choices of FastChat's answers, or of an OpenAI-compatible server's."""
    about = _about(record, place)
    for one in choices:
        text = one["turns"][-1] if one.get("turns") else one.get("message", one.get("text"))
        yield replace(about, text=_text(text, place), finish_reason=one.get("finish_reason"))


def _of_models(record: dict[str, Any], solved: Mapping[str, Any], place: str) -> Iterator[Response]:
    doc = {"question": record.get("question"), "answer": record.get("ground_truth")}
    about = _about(record, place)
    for model, value in solved.items():
        yield replace(about, model=model, doc=doc, text=_text(value["solution"], place))


def _plain(record: dict[str, Any], place: str) -> Iterator[Response]:
    held = [name for name in TEXTS if name in record]
    name = next((name for name in held if record[name] is not None), held[0] if held else None)
    if name is None:
        raise ResponseError(
            f"{place}: no response; the record has {', '.join(sorted(record)) or 'nothing'}\n"
            f"  put the response under one of {', '.join(TEXTS[:5])}, and the question's id or text beside it"
        )
    value = record[name]
    if name in REFERENCES and (
        unknown := [key for key in record if key not in ABOUT and isinstance(record[key], str | list)]
    ):
        raise ResponseError(
            f"{place}: {name!r} may be the data set's reference, and {', '.join(map(repr, unknown))} the response\n"
            f"  call the response one of {', '.join(TEXTS[:5])}"
        )
    texts = value if isinstance(value, list) and not _is_turns(value) else [value]
    reasons = next((record[name] for name in FINISHES if record.get(name) is not None), None)
    about = replace(_about(record, place), column=name if name in REFERENCES else "")
    for which, text in enumerate(texts or [None]):
        listed = isinstance(reasons, list) and which < len(reasons)
        finish = reasons[which] if listed and reasons else about.finish_reason
        yield replace(about, text=_text(text, place), finish_reason=finish)


def _about(record: dict[str, Any], place: str) -> Response:
    """What all forms have in common: names of the question, its text, the model, and how the response ended."""
    finish = next((record[name] for name in FINISHES if isinstance(record.get(name), str)), None)
    usage = record.get("usage")
    counts = {**(usage if isinstance(usage, Mapping) else {}), **record}
    tokens = next((counts[name] for name in TOKENS if isinstance(counts.get(name), int | float)), None)
    return Response(
        place=place,
        ids=tuple(str(record[name]) for name in IDS if isinstance(record.get(name), str | int)),
        prompts=tuple(record[name] for name in PROMPTS if isinstance(record.get(name), str)),
        model=str(next((record[name] for name in MODELS if record.get(name)), "")),
        finish_reason=finish,
        output_tokens=None if tokens is None else int(tokens),
        record=record,
    )


def _is_turns(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], Mapping) and "role" in value[0]


def _text(value: Any, place: str) -> str:
    """A response's text: itself, the last turn of a conversation, or the message of a chat completion."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and _is_turns(value):
        return _content(value[-1])
    if isinstance(value, list) and len(value) == 1:
        return _text(value[0], place)
    if isinstance(value, Mapping):
        inner = next((value[name] for name in ("content", "text", "message", "output") if name in value), None)
        return _text(inner, place) if inner is not None else _bad(value, place)
    return str(value) if isinstance(value, int | float) else _bad(value, place)


def _content(message: Mapping[str, Any]) -> str:
    """A message's text, which may come in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
    return content or ""


def _bad(value: Any, place: str) -> str:
    raise ResponseError(f"{place}: the response is {value!r:.60}\n  write a text, or a list of texts")
