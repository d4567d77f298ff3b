"""Errors between a row and a model."""

from __future__ import annotations

from distilray.errors import DistilrayError, InputError, MachineryFault


class ModelError(DistilrayError):
    """A model could not answer a request; the row is ``failed`` with this text."""

    prefix = "failed: "


class PromptTooLong(ModelError):
    """The prompt and the tokens it may grow by do not fit the model's context."""


class PromptKillsEngines(ModelError):
    """Engines died repeatedly while they answered this prompt."""


class RequestTimedOut(ModelError):
    """No reply within the model's time-out."""


class BadReply(ModelError):
    """The reply does not parse; ``text`` is the reply."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(f"{why}; the reply was: {text[:300]!r}")
        self.why = why
        self.text = text


class NoEngineAlive(MachineryFault):
    """Every engine of a model is down for good or for too long: the run cannot continue; no row is at fault."""


class BudgetSpent(DistilrayError):
    """The run's budget is used up: stop cleanly, publish nothing incomplete."""

    exit_code = 3


class EngineFailed(DistilrayError):
    """An engine could not start; the text says why and where its log is."""


class PoolsDoNotFit(InputError, RuntimeError):
    """The cluster cannot hold the engines at once; the text says what they need and what is available."""
