"""What selections by a number kept of each task and language, with the number's distribution in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from distilray.ledger import StageFiles


@dataclass(frozen=True)
class Group:
    """``bars``: (kept, left) of each part of the column's range, in percent of the group's tallest."""

    task: str
    language: str
    rows: int
    kept: int
    bars: list[tuple[float, float]]

    @property
    def share(self) -> float:
        return self.kept / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Selection:
    stage: str
    column: str
    low: float | None
    high: float | None
    rows: int
    kept: int
    groups: list[Group]


def selections(stages: Iterable[StageFiles]) -> list[Selection]:
    """Those whose stages wrote down what they did, in the order of the run."""
    found = []
    for stage in stages:
        summary = stage.manifest.details.get("summary", {}) if stage.manifest else {}
        if summary.get("kind") == "selection":
            groups = [_group(group) for group in summary["groups"]]
            bounds = summary["column"], summary["low"], summary["high"]
            found.append(Selection(stage.name, *bounds, summary["rows"], summary["kept"], groups))
    return found


def _group(group: dict[str, Any]) -> Group:
    tallest = max(1, *(rows for rows, _ in group["bars"]))
    bars = [(100 * kept / tallest, 100 * (rows - kept) / tallest) for rows, kept in group["bars"]]
    return Group(group["task"], group["language"], group["rows"], group["kept"], bars)
