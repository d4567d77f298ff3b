"""One line of doctor's screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SETUP_AGAIN = "run make setup again (EXTRA=gpu or EXTRA=cpu chooses the build)"


@dataclass(frozen=True)
class Finding:
    """One line of the screen. `remedy` says what to change and is empty when there is nothing to change."""

    what: str
    found: str
    mark: Literal["ok", "look", "stop"] = "ok"
    remedy: str = ""
