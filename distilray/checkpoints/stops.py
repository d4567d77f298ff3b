"""The tokens at which generation by a checkpoint stops, as its files declare them, read without a tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

GENERATION_CONFIG = "generation_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
EOS = "eos_token"
EOS_ID = "eos_token_id"


@dataclass(frozen=True)
class DeclaredStops:
    """What a checkpoint's files say of its special tokens."""

    named: Mapping[str, str]
    """Special tokens by the names that templates use: ``{"eos_token": "<|endoftext|>"}``."""
    ids: Mapping[str, int]
    """Tokens added to the vocabulary, with their ids."""
    declared: frozenset[str]
    """Tokens that end a reply: those of generation_config.json, or the tokenizer's eos where that names none."""


def declared_stops(folder: Path) -> DeclaredStops:
    """From the files of the local checkpoint in ``folder``."""
    settings = _read(folder / TOKENIZER_CONFIG)
    named = _named(settings) | _named(_read(folder / SPECIAL_TOKENS_MAP))
    ids = {token["content"]: int(token_id) for token_id, token in settings.get("added_tokens_decoder", {}).items()}
    ids |= {token["content"]: token["id"] for token in _added_tokens(folder / "tokenizer.json")}
    ids |= _read(folder / "added_tokens.json")
    texts = {token_id: token for token, token_id in ids.items()}
    stops = {texts[token_id] for token_id in stop_ids(folder) if token_id in texts}
    return DeclaredStops(named, ids, frozenset(stops or {named[EOS]} if EOS in named else stops))


def stop_ids(folder: Path) -> list[int]:
    """The stop tokens in the checkpoint's generation_config.json; none without that file."""
    found = _read(folder / GENERATION_CONFIG).get(EOS_ID)
    return [] if found is None else found if isinstance(found, list) else [found]


def declare_stop(folder: Path, token: str, token_id: int) -> None:
    """Makes ``token`` the one that ends a reply, in the tokenizer's files and in generation_config.json of ``folder``;
    tokens that ended one before still do. Other lines of the files stay as they are."""
    before = stop_ids(folder)
    wanted = [token_id, *(other for other in before if other != token_id)]
    _change(folder / GENERATION_CONFIG, {EOS_ID: wanted if len(wanted) > 1 else token_id}, create=True)
    _change(folder / TOKENIZER_CONFIG, {EOS: token}, create=True)
    if EOS in _read(folder / SPECIAL_TOKENS_MAP):
        _change(folder / SPECIAL_TOKENS_MAP, {EOS: token})


def _named(settings: Mapping[str, Any]) -> dict[str, str]:
    found = {name: value for name, value in settings.items() if name.endswith("_token") and value}
    return {
        name: value["content"] if isinstance(value, dict) else value
        for name, value in found.items()
        if isinstance(value, dict | str)
    }


class _TokenizerFile(msgspec.Struct):
    """What is read of tokenizer.json, whose vocabulary takes a third of a second to build."""

    added_tokens: list[dict[str, Any]] = []


def _added_tokens(file: Path) -> list[dict[str, Any]]:
    return msgspec.json.decode(file.read_bytes(), type=_TokenizerFile).added_tokens if file.is_file() else []


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _change(file: Path, changes: Mapping[str, Any], *, create: bool = False) -> None:
    if create or file.is_file():
        text = json.dumps({**_read(file), **changes}, indent=2, ensure_ascii=False)
        file.write_text(text + "\n", "utf-8")
