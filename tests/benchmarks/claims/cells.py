"""Cells as a world's program leaves them, written out."""

from __future__ import annotations

from typing import Any


def cell(variant: str, seed: int, greedy: str, sampled: str, **more: Any) -> dict[str, Any]:
    """``greedy`` and ``sampled`` (of two) hold the number of right answers to each problem."""
    return {
        "variant": variant,
        "seed": seed,
        "mark": "0" * 16,
        "greedy": {"right": greedy, "samples": 1, "mean_output_tokens": 46.0, "truncated": 0},
        "sampled": {"right": sampled, "samples": 2, "mean_output_tokens": 48.5, "truncated": 1},
        "steps": 4,
        "rows": 128,
        "seconds": 60.0,
        **more,
    }


def three_seeds() -> list[dict[str, Any]]:
    """``dpo`` answers three problems in five that ``sft`` does not, the same in every seed; both start from 2 of 5."""
    cells = []
    for seed in (1, 2, 3):
        cells += [
            cell("start", seed, "11000", "22000"),
            cell("sft", seed, "11000", "22100"),
            cell("dpo", seed, "11111", "22211", ranked_before={"accuracy": 0.4, "margin": -2.0},
                 ranked_after={"accuracy": 0.9, "margin": 5.0}),
        ]  # fmt: skip
    return cells


VARIANTS: dict[str, dict[str, Any]] = {
    "start": {"others": [], "steps": 0},
    "sft": {"others": ["start"], "steps": 4},
    "dpo": {"others": ["sft", "start"], "steps": 4},
}
