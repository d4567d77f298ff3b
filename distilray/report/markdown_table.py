"""All results of a run as one Markdown table for a model card: a line for each benchmark, a column for each model.

| benchmark | metric | questions | student_before | student_after | teacher |
|---|---|--:|--:|--:|--:|
| gsm8k | exact_match | 1,319 | 41.2 % ± 1.4 (183 tokens) | 55.0 % ± 1.4 (176 tokens) | 83.1 % ± 1.0 (211 tokens) |
"""

from __future__ import annotations

from collections.abc import Sequence

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, Result
from distilray.report.score_text import NOTHING, score_text

ORDER = (STUDENT_BEFORE, STUDENT_AFTER)
NOTE = "Mean ± standard error over questions, and mean output tokens."


def results_markdown(results: Sequence[Result]) -> str:
    """The table and what its numbers are; empty where there are no results."""
    if not results:
        return ""
    given = list(dict.fromkeys(result.model for result in results))
    models = [*(name for name in ORDER if name in given), *(name for name in given if name not in ORDER)]
    by_place = {(result.benchmark, result.model): result for result in results}
    lines = [_line(("benchmark", "metric", "questions", *models)), "|---|---|--:|" + "--:|" * len(models)]
    for benchmark in dict.fromkeys(result.benchmark for result in results):
        own = [by_place.get((benchmark, model)) for model in models]
        known = next(result for result in own if result is not None)
        lines.append(_line((benchmark, known.metric, f"{known.questions:,}", *map(_cell, own))))
    judges = sorted({f"{judge['name']} ({judge['version'][:12]})" for result in results for judge in _judges(result)})
    notes = [NOTE, *([f"Judges: {', '.join(judges)}."] if judges else [])]
    return "\n".join([*lines, "", " ".join(notes), ""])


def _judges(result: Result) -> list[dict[str, str]]:
    return list(result.conditions.judges.values()) if result.conditions else []


def _cell(result: Result | None) -> str:
    if result is None:
        return NOTHING
    tokens = result.mean_output_tokens
    shown = score_text(result.value, result.stderr, result.highest)
    return shown if tokens is None else f"{shown} ({tokens:,.0f} tokens)"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
