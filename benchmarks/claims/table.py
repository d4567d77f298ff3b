"""Summaries as tables: what each variant reached, and by how much it differs from its controls and its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.claims.evaluation import GREEDY, SAMPLED

Summary = Mapping[str, Mapping[str, Any]]
Lines = list[tuple[str, ...]]


def reached(variants: Summary) -> Lines:
    """Accuracies in percent, tokens of an answer, and the share of held-out pairs that are ranked right."""
    lines: Lines = [("variant", "steps", "greedy", "sampled", "tokens", "tokens sampled", "pairs ranked right")]
    for name, found in variants.items():
        accuracies = (f"{100 * found[how]['accuracy']:.1f}" for how in (GREEDY, SAMPLED))
        tokens = (f"{found[how]['mean_output_tokens']:.1f}" for how in (GREEDY, SAMPLED))
        lines.append((name, str(found["steps"]), *accuracies, *tokens, _ranked(found)))
    return lines


def compared(variants: Summary, mark: Callable[[str], str] = str) -> Lines:
    """Differences in points with their 95 % intervals; ``mark`` those that exclude zero."""
    lines: Lines = [("variant", "less", "greedy", "sampled")]
    for name, found in variants.items():
        for other in found[GREEDY]["against"]:
            lines.append((name, other, *(_points(found[how]["against"][other], mark) for how in (GREEDY, SAMPLED))))
    return lines


def _points(against: Mapping[str, Any], mark: Callable[[str], str]) -> str:
    low, high = (100 * bound for bound in against["interval_95"])
    text = f"{100 * against['mean']:+.1f} [{low:+.1f}, {high:+.1f}]"
    return mark(text) if against["verdict"] in ("better", "worse") else text


def _ranked(found: Mapping[str, Any]) -> str:
    if "ranked_after" not in found:
        return ""
    return " -> ".join(f"{100 * found[f'ranked_{when}']['accuracy']:.0f}" for when in ("before", "after"))


def plain(variants: Summary) -> str:
    """For the terminal."""
    return f"{_columns(reached(variants))}\n\n{_columns(compared(variants, lambda text: f'{text} *'))}"


def markdown(variants: Summary) -> str:
    """For documents."""
    return f"{_bars(reached(variants))}\n\n{_bars(compared(variants, lambda text: f'**{text}**'))}"


def _columns(lines: Lines) -> str:
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _bars(lines: Lines) -> str:
    """Empty columns are left out."""
    used = [k for k in range(len(lines[0])) if any(line[k] for line in lines[1:])]
    head, *body = (tuple(line[k] for k in used) for line in lines)
    return "\n".join(_bar(line) for line in [head, ("---",) * len(used), *body])


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
