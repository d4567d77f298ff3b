"""Models: engine pools on Ray actors and endpoints, behind one way to ask.

A driver starts :class:`EnginePools`; each runner asks through a :class:`PoolClient` made from the pools' handles.
The names that need Ray load on first use, so that steps, which know only requests and replies, never import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from distilray.models.api import (
    BadReply,
    BudgetSpent,
    Constraint,
    EngineInfo,
    ModelError,
    NoEngineAlive,
    PromptKillsEngines,
    PromptTooLong,
    Reply,
    Request,
    RequestTimedOut,
    Sampling,
)
from distilray.models.checkpoint import NotACheckpoint, resolve_path
from distilray.models.labelling import CHECKPOINT_KEY, PARTS, LabelSet, Part, Reading, label_set, positions_of
from distilray.models.scores import REST_FLOOR, Score, Scores
from distilray.models.settings import (
    ClassifierModel,
    EchoModel,
    ModelSettings,
    OpenAIModel,
    Price,
    VLLMModel,
    check_model,
)

if TYPE_CHECKING:
    from distilray.models.client import PoolClient, Usage
    from distilray.models.engine import EngineFailed
    from distilray.models.pools import EnginePools, PoolHandles, PoolsDoNotFit

_LATER = {
    "PoolClient": "client",
    "Usage": "client",
    "EngineFailed": "engine",
    "EnginePools": "pools",
    "PoolHandles": "pools",
    "PoolsDoNotFit": "pools",
}

__all__ = [
    "CHECKPOINT_KEY",
    "PARTS",
    "REST_FLOOR",
    "BadReply",
    "BudgetSpent",
    "ClassifierModel",
    "Constraint",
    "EchoModel",
    "EngineFailed",
    "EngineInfo",
    "EnginePools",
    "LabelSet",
    "ModelError",
    "ModelSettings",
    "NoEngineAlive",
    "NotACheckpoint",
    "OpenAIModel",
    "Part",
    "PoolClient",
    "PoolHandles",
    "PoolsDoNotFit",
    "Price",
    "PromptKillsEngines",
    "PromptTooLong",
    "Reading",
    "Reply",
    "Request",
    "RequestTimedOut",
    "Sampling",
    "Score",
    "Scores",
    "Usage",
    "VLLMModel",
    "check_model",
    "label_set",
    "positions_of",
    "resolve_path",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"distilray.models.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
