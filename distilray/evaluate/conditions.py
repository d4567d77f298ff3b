"""The conditions of an evaluation: everything that a number depends on, kept inside every file that holds the number.

Conditions(model="runs/first/training/sft/final", weights="9f3c...", template_hash="5e0c1a2b3c4d",
           system="You add numbers.", sampling={"temperature": 0.0, ...}, seed=7, versions={"vllm": "0.29.0", ...})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from distilray.checkpoints import chat_template, folder_here, is_local, template_ids
from distilray.models import GenerativeModel, ModelSettings
from distilray.runner import SEVERAL_TEMPERATURE


class Conditions(msgspec.Struct, kw_only=True):
    """What is not known, as of responses that others recorded, is None or empty."""

    model: str = ""
    """What answered: a checkpoint, or a model's name at an endpoint."""
    kind: str = ""
    """Of the model: vllm, openai, ...; ``recorded`` for responses of others."""
    weights: str | None = None
    """Identity of the weights, or of the endpoint."""
    template_hash: str | None = None
    """Of the checkpoint's chat template: as its files have it where they are at hand, else as its engines used it."""
    template_sha256: str | None = None
    """Of its text, as lm-evaluation-harness identifies it."""
    system: str | None = None
    """System prompt of conversations that bring none."""
    sampling: dict[str, Any] | None = None
    seed: int | None = None
    """Of the run; the seed of each reply follows from it and from the question's id."""
    prompts: dict[str, str] = {}
    """Name to hash of each prompt that words the question or asks a judge."""
    judges: dict[str, dict[str, str]] = {}
    """Judge to its ``name`` (checkpoint, or model at an endpoint) and ``version`` (identity of weights or endpoint)."""
    benchmark: dict[str, Any] = {}
    """The benchmark's settings."""
    questions: str | None = None
    """Fingerprint of the questions; of recorded responses, a hash of their file."""
    started: str | None = None
    finished: str | None = None
    """ISO 8601, UTC."""
    seconds: float = 0.0
    """At work, over all sessions."""
    usage: dict[str, dict[str, float]] = {}
    """Tokens and cost of each model that was asked."""
    versions: dict[str, str] = {}


def conditions_of(
    settings: ModelSettings, *, samples: int, judges: Mapping[str, ModelSettings], **known: Any
) -> Conditions:
    """The conditions under which the model of ``settings`` answers; ``known`` are further fields."""
    template = _template(settings)
    return Conditions(
        model=settings.title,
        kind=settings.kind,
        weights=settings.weights_id(),
        template_hash=template.get("hash"),
        template_sha256=template.get("sha256"),
        system=getattr(settings, "system", None),
        sampling=_sampling(settings, samples),
        judges={name: {"name": judge.title, "version": judge.weights_id()} for name, judge in judges.items()},
        **known,
    )


def _template(settings: ModelSettings) -> dict[str, str]:
    """What identifies the checkpoint's chat template; empty where the checkpoint, or this revision of it, is not
    on this machine."""
    path, revision = getattr(settings, "path", None), getattr(settings, "revision", None)
    if not isinstance(path, str) or (revision and not is_local(path)):
        return {}
    folder = folder_here(path)
    return {} if folder is None else template_ids(chat_template(folder))


def _sampling(settings: ModelSettings, samples: int) -> dict[str, Any] | None:
    if not isinstance(settings, GenerativeModel):
        return None
    sampling = settings.sampling
    if samples > 1 and sampling.temperature == 0:
        sampling = sampling.overridden(temperature=SEVERAL_TEMPERATURE)
    return sampling.model_dump(mode="json") | {"n": samples}
