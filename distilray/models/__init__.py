"""Models: engine pools on Ray actors and endpoints, behind one way to ask."""

from distilray.models.api import (
    BadReply,
    BudgetSpent,
    Constraint,
    ModelError,
    PromptKillsEngines,
    PromptTooLong,
    Reply,
    Request,
    RequestTimedOut,
    Sampling,
)

__all__ = [
    "BadReply",
    "BudgetSpent",
    "Constraint",
    "ModelError",
    "PromptKillsEngines",
    "PromptTooLong",
    "Reply",
    "Request",
    "RequestTimedOut",
    "Sampling",
]
