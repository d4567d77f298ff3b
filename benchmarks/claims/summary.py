"""From cells to what is reported: accuracies over seeds, and paired differences from controls and start.

The result file has all cells, so that everything else in it can be computed from them again.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.claims.differences import Difference, difference
from benchmarks.claims.evaluation import GREEDY, SAMPLED, shares
from benchmarks.claims.world import Variant

Cell = Mapping[str, Any]


def meta(variant: Variant) -> dict[str, Any]:
    """What a variant is compared with."""
    return {"others": list(variant.others), "steps": variant.steps}


def summary(variants: Mapping[str, Mapping[str, Any]], cells: Sequence[Cell]) -> dict[str, Any]:
    """Of each variant that has cells; ``variants`` are those of :func:`meta`, or earlier summaries."""
    found = {}
    for name, of_variant in variants.items():
        own = _of(cells, name)
        if not own:
            continue
        found[name] = {key: of_variant[key] for key in ("others", "steps")}
        found[name] |= {"seeds": sorted(cell["seed"] for cell in own), "rows": own[0]["rows"]}
        for how in (GREEDY, SAMPLED):
            found[name][how] = _accuracy(own, how)
            against = {other: _of(cells, other) for other in of_variant["others"]}
            found[name][how]["against"] = {
                other: _shown(_difference(own, theirs, how))
                for other, theirs in against.items()
                if _paired(own, theirs)
            }
        found[name] |= _pairs(own)
    return found


def _of(cells: Sequence[Cell], variant: str) -> list[Cell]:
    return [cell for cell in cells if cell["variant"] == variant]


def _paired(cells: Sequence[Cell], others: Sequence[Cell]) -> bool:
    """Whether they have a seed in common."""
    return bool({cell["seed"] for cell in cells} & {cell["seed"] for cell in others})


def _accuracy(cells: Sequence[Cell], how: str) -> dict[str, Any]:
    by_seed = {str(cell["seed"]): statistics.fmean(shares(cell[how])) for cell in cells}
    return {
        "accuracy": round(statistics.fmean(by_seed.values()), 4),
        "by_seed": {seed: round(value, 4) for seed, value in by_seed.items()},
        "mean_output_tokens": round(statistics.fmean(cell[how]["mean_output_tokens"] for cell in cells), 2),
        "truncated": sum(cell[how]["truncated"] for cell in cells),
    }


def _difference(cells: Sequence[Cell], others: Sequence[Cell], how: str) -> Difference:
    return difference(
        {cell["seed"]: shares(cell[how]) for cell in cells}, {cell["seed"]: shares(cell[how]) for cell in others}
    )


def _shown(found: Difference) -> dict[str, Any]:
    def rounded(interval: tuple[float, float] | None) -> list[float] | None:
        return None if interval is None else [round(bound, 4) for bound in interval]

    return {
        "mean": round(found.mean, 4),
        "interval_95": rounded(found.interval),
        "over_problems": rounded(found.over_problems),
        "over_seeds": rounded(found.over_seeds),
        "verdict": found.verdict,
    }


def _pairs(cells: Sequence[Cell]) -> dict[str, Any]:
    """How pairs are ranked: those that are trained on by the reference, and others before and after."""
    found = {}
    for key in ("reference", "ranked_before", "ranked_after"):
        some = [cell[key] for cell in cells if key in cell]
        if some:
            found[key] = {
                "accuracy": round(statistics.fmean(each["accuracy"] for each in some), 4),
                "margin": round(statistics.fmean(each["margin"] for each in some), 2),
            }
    return found
