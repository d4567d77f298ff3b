"""What a plan says of a recipe's published benchmarks: their questions, and what asking them takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from distilray.planning import BenchmarkNeed


def benchmarks_table(needs: Sequence[BenchmarkNeed]) -> Table:
    """A line for each model on each benchmark; tokens in millions, costs in the currency of the models' prices."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("questions", "answers", "M tokens in", "M tokens out", "at most", "cost", "at most")
    for column in ("benchmark", "asked", *columns):
        table.add_column(column, justify="right" if column in columns else "left")
    for need in needs:
        table.add_row(
            need.benchmark,
            f"{need.model} (judge)" if need.judges else need.model.replace("_", " "),
            f"{need.questions:,}",
            f"{need.answers:,}",
            *(f"{tokens / 1e6:,.2f}" for tokens in (need.tokens_in, need.tokens_out, need.most_tokens_out)),
            *("" if cost is None else f"{cost:,.2f}" for cost in (need.cost, need.most_cost)),
        )
    costs = [(need.cost, need.most_cost) for need in needs if need.cost is not None and need.most_cost is not None]
    total = [f"{sum(each):,.2f}" for each in zip(*costs, strict=True)] if costs else ["", ""]
    sums = (sum(getattr(need, name) for need in needs) for name in ("tokens_in", "tokens_out", "most_tokens_out"))
    table.add_row("together", "", "", "", *(f"{tokens / 1e6:,.2f}" for tokens in sums), *total, style="bold")
    return table
