"""The models that a command line names: a checkpoint, a name on the hub, a run's student, or an endpoint.

models_at(["Qwen/Qwen2.5-7B-Instruct", "tuned=runs/first", "http://10.0.0.7:8000/v1#big-1"], ["gpus=1"])
{"Qwen2.5-7B-Instruct": VLLMModel(...), "tuned": VLLMModel(...), "big-1": OpenAIModel(...)}
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from distilray.checkpoints import checkpoint_address
from distilray.errors import InputError
from distilray.models import ModelSettings as Model
from distilray.models import OpenAIModel, VLLMModel, parse_model
from distilray.storage import Store

NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<target>.+)", re.DOTALL)
ENDPOINT = re.compile(r"https?://")
LISTED_WITHIN_S = 30.0


class TargetError(InputError):
    """What was named is no model, or a setting is none of a model's."""


def models_at(
    targets: Sequence[str],
    changes: Sequence[str] = (),
    *,
    defaults: Mapping[str, Any] | None = None,
    api_key_env: str | None = None,
) -> dict[str, Model]:
    """The models at ``targets`` (``[NAME=]TARGET``), by their names.

    ``changes`` are settings of theirs (``max_model_len=4096``, of one model alone ``NAME.gpus=2``), ``defaults`` such
    of checkpoints that ``changes`` may overrule. Raises :class:`TargetError` with the place and the remedy.
    """
    documents: dict[str, dict[str, Any]] = {}
    for text in targets:
        match = NAMED.fullmatch(text)
        target = match["target"] if match else text
        document = _endpoint(target, api_key_env) if ENDPOINT.match(target) else _checkpoint(target, defaults or {})
        name = match["name"] if match else _name_of(document.pop("name", "") or document.get("model") or target)
        document.pop("name", None)
        documents[_free(name, documents)] = document
    for text in changes:
        _change(documents, text)
    return {name: _parsed(name, document) for name, document in documents.items()}


def _checkpoint(target: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint as it stands, or a run's student as the run would serve it."""
    store = None if target.startswith("package://") or not _may_be_run(target) else Store.reach(target)
    if store is None or not store.exists("run.json"):
        return {"kind": "vllm", "path": target, **defaults}
    record = store.read_json("run.json")
    if not record.get("student"):
        raise TargetError(f"{target}: a run without a student (yet)\n  finish it, or name a checkpoint")
    path = checkpoint_address(store, record["student"])
    system = {"system": record["system"]} if record.get("system") else {}
    return {"kind": "vllm", "path": path, "name": str(record.get("name") or ""), **defaults, **system}


def _may_be_run(target: str) -> bool:
    """Whether a directory or a URI; a name on the hub is neither."""
    return "://" in target or Store(target).exists("run.json")


def _endpoint(target: str, api_key_env: str | None) -> dict[str, Any]:
    """The model behind the ``#``, or the only one that is served there."""
    address, _, model = target.partition("#")
    address = address.rstrip("/")
    key = {} if api_key_env is None else {"api_key_env": api_key_env}
    return {"kind": "openai", "base_url": address, "model": model or _only_model(address, api_key_env), **key}


def _only_model(address: str, api_key_env: str | None) -> str:
    import httpx

    key = os.environ.get(api_key_env, "") if api_key_env else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    remedy = f"correct the address (it ends in /v1), or name the model: {address}#MODEL"
    try:
        reply = httpx.get(f"{address}/models", headers=headers, timeout=LISTED_WITHIN_S)
        reply.raise_for_status()
        served = [str(card["id"]) for card in reply.json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise TargetError(f"{address}: its models cannot be listed ({why})\n  {remedy}") from error
    if len(served) != 1:
        raise TargetError(f"{address} serves {', '.join(served) or 'no model'}\n  {remedy}")
    return served[0]


def _name_of(target: str) -> str:
    """The last part of a path that says something."""
    parts = [part for part in re.split(r"[/\\]+", target.partition("?")[0]) if part]
    while len(parts) > 1 and parts[-1] in ("final", "checkpoint", "v1"):
        parts.pop()
    return re.sub(r"[^\w.-]+", "-", parts[-1]).strip("-") if parts else "model"


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _change(documents: Mapping[str, dict[str, Any]], text: str) -> None:
    """Sets ``key=value`` in every document whose kind has the key, ``NAME.key=value`` in one."""
    path, equals, value = text.partition("=")
    if not equals:
        raise TargetError(f"--set {text}: not of the form KEY=VALUE, such as gpus=1")
    name = next((known for known in documents if path.startswith(f"{known}.")), None)
    keys = path.removeprefix(f"{name}." if name else "").split(".")
    chosen = [documents[name]] if name else list(documents.values())
    fitting = [document for document in chosen if keys[0] in _class_of(document).model_fields]
    if not fitting:
        raise TargetError(f"--set {text}: no model has a setting {keys[0]!r}; docs/recipes.md lists those of models")
    for document in fitting:
        here = document
        for key in keys[:-1]:
            here = here.setdefault(key, {})
        here[keys[-1]] = yaml.safe_load(value)


def _class_of(document: Mapping[str, Any]) -> type[Model]:
    return OpenAIModel if document["kind"] == "openai" else VLLMModel


def _parsed(name: str, document: dict[str, Any]) -> Model:
    try:
        return parse_model(document)
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(str(part) for part in found["loc"][1:]) or "it"
        raise TargetError(f"model {name}: {place}: {found['msg']}") from error
