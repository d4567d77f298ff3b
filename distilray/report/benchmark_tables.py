"""Models side by side on published benchmarks: each score with its standard error, and what it cost and lost.

benchmark        metric              small                                  large
GSM8K            accuracy            0.7100 ± 0.0125                        0.8300 ± 0.0103
                                     183 tokens, cut 0.3 %, unparsed 0.0 %  201 tokens, cut 0.0 %, unparsed 0.1 %
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from distilray.report.evaluation_view import estimate_text

if TYPE_CHECKING:
    from distilray.evaluate import Evaluation


def benchmark_table(evaluations: Sequence[Evaluation]) -> Table:
    """A line for each metric of each benchmark, a column for each model; below the first metric mean output tokens, the
    share that the length limit cut, and the share from which nothing could be read."""
    models = list(dict.fromkeys(one.model for one in evaluations))
    found = {(one.benchmark, one.model): one for one in evaluations}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("benchmark", "metric", *models):
        table.add_column(column)
    for benchmark in dict.fromkeys(one.benchmark for one in evaluations):
        own = [found.get((benchmark, model)) for model in models]
        known = next(one for one in own if one is not None)
        metrics = list(dict.fromkeys(name for one in own if one is not None for name in one.metrics))
        for place, metric in enumerate(metrics):
            table.add_row("" if place else known.title, metric, *(_score(one, metric) for one in own))
            if not place:
                table.add_row("", "", *(_cost(one) for one in own), style="dim")
    return table


def _score(evaluation: Evaluation | None, metric: str) -> str:
    estimate = None if evaluation is None else evaluation.metrics.get(metric)
    return "" if estimate is None else estimate_text(estimate)


def _cost(one: Evaluation | None) -> str:
    if one is None:
        return ""
    tokens = "" if one.mean_output_tokens is None else f"{one.mean_output_tokens:,.0f} tokens, "
    missing = f", missing {one.missing:,}" if one.missing else ""
    return f"{tokens}cut {one.truncated_share:.1%}, unparsed {one.unparsed_share:.1%}{missing}"


def task_lines(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The harness's results of each model as lines: ``qwen  ifeval  prompt_level_strict_acc  0.7100 ± 0.0195``."""
    for model, results in found.items():
        for task, values in results["results"].items():
            for key, value in values.items():
                name, _, kind = key.partition(",")
                if not isinstance(value, float) or name.endswith("_stderr"):
                    continue
                stderr = values.get(f"{name}_stderr,{kind}")
                spread = f" ± {stderr:.4f}" if isinstance(stderr, float) else ""
                way = f" ({kind})" if kind not in ("", "none") else ""
                yield f"{model}  {task}  {name}{way}  {value:.4f}{spread}"
