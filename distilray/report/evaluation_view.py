"""The result of `distilray evaluate`: metrics with their standard errors, and beside them all that qualifies them.

GSM8K (1,319 questions)
  6b_finetuning    accuracy 0.2168 ± 0.0114    answered 1,319, missing 0    cut 0.0 %  unparsed 0.0 %
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from distilray.evaluate import Difference, Estimate, Evaluation

COUNTS = (
    "questions", "answered", "missing", "missing_ids", "responses", "samples", "doubled", "short", "unparsed",
    "unparsed_share", "truncated", "truncated_share", "mean_output_tokens", "mean_output_characters",
)  # fmt: skip


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as JSON has it, without its samples."""
    return {
        "benchmark": evaluation.benchmark,
        "title": evaluation.title,
        "release": evaluation.release,
        "model": evaluation.model,
        "metrics": {name: _record(one) for name, one in evaluation.metrics.items()},
        "subsets": {name: _record(one) for name, one in evaluation.subsets.items()},
        **{name: getattr(evaluation, name) for name in COUNTS},
        "notes": evaluation.notes,
    }


def difference_record(difference: Difference) -> dict[str, Any]:
    """A paired difference as JSON has it, with its 95 % confidence interval."""
    about = {"model": difference.model, "baseline": difference.baseline, "metric": difference.metric}
    return {**about, **_record(difference.estimate), "interval": difference.estimate.interval}


def render_evaluations(evaluations: Sequence[Evaluation], pairs: Sequence[Difference] = ()) -> RenderableType:
    """Tables of metrics and of counts, the notes, and how the further models differ from the first."""
    parts: list[RenderableType] = []
    for one in evaluations:
        release = f" ({escape(one.release)})" if one.release else ""
        model = f": {escape(one.model)}" if one.model else ""
        parts.append(Text.from_markup(f"[bold]{escape(one.title)}[/]{release}{model}"))
        parts.append(_metrics(one))
        parts.append(Text(_counts(one)))
        parts += [Text(f"note: {note}") for note in one.notes]
        parts.append(Text(""))
    parts += [Text(_difference(one)) for one in pairs]
    return Group(*(parts if pairs else parts[:-1]))


def _difference(one: Difference) -> str:
    """``large - small: accuracy +0.1735 (95 % interval 0.1450 to 0.2020, paired over 1,319)``."""
    digits = 4 if abs(one.estimate.value) <= 1 else 2
    text = f"{one.model} - {one.baseline}: {one.metric} {one.estimate.value:+.{digits}f}"
    if one.estimate.interval is None:
        return text
    low, high = one.estimate.interval
    return f"{text} (95 % interval {low:.{digits}f} to {high:.{digits}f}, paired over {one.estimate.n:,})"


def _metrics(evaluation: Evaluation) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for name, estimate in evaluation.metrics.items():
        table.add_row(name, estimate_text(estimate))
    for name, estimate in evaluation.subsets.items():
        table.add_row(f"  {name}", estimate_text(estimate))
    return table


def estimate_text(estimate: Estimate) -> str:
    """``0.7100 ± 0.0125``: a value with its standard error, where it has one."""
    digits = 4 if abs(estimate.value) <= 1 else 2
    spread = "" if estimate.stderr is None else f" ± {estimate.stderr:.{digits}f}"
    return f"{estimate.value:.{digits}f}{spread}"


def _counts(one: Evaluation) -> str:
    """All that qualifies the metrics, in two lines."""
    first = f"{one.answered:,} of {one.questions:,} questions answered, {one.missing:,} missing"
    if one.missing:
        first += f" ({', '.join(one.missing_ids[:5])}{', ...' if one.missing > 5 else ''})"
    first += f"; {one.responses:,} responses, {one.samples} a question"
    first += f", {one.doubled:,} doubled" if one.doubled else ""
    first += f", {one.short:,} too few" if one.short else ""
    second = f"truncated {one.truncated_share:.1%}, unparsed {one.unparsed_share:.1%}"
    if one.mean_output_tokens is not None:
        second += f", mean output {one.mean_output_tokens:,.0f} tokens"
    if one.mean_output_characters is not None:
        second += f", {one.mean_output_characters:,.0f} characters"
    return f"  {first}\n  {second}"


def _record(estimate: Estimate) -> dict[str, float | int | None]:
    value = None if math.isnan(estimate.value) else estimate.value
    return {"value": value, "stderr": estimate.stderr, "n": estimate.n}
