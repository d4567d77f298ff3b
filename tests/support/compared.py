"""Two evaluations on the same small questions, as files; for tests of what compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

QUESTIONS = 8
STAMP = "2026-11-27T16-40-00"


def sample(k: int, right: bool, **more: Any) -> dict[str, Any]:
    """The answer to question k, whose reference is k."""
    score = float(right)
    return {
        "benchmark": "sums", "model": "m", "question": f"q{k}", "sample": 0, "cluster": "", "input": f"What is {k}?",
        "target": str(k), "response": f"It is {k if right else k + 1}.", "metric": "exact_match", "highest": 1.0,
        "score": score, "scores": {"exact_match": score}, "weights": {"exact_match": 1.0}, "parsed": True,
        "truncated": False, "output_tokens": 4, "reason": "",
    } | more  # fmt: skip


def samples(right: Sequence[int], **more: Any) -> list[dict[str, Any]]:
    """Answers to all questions, of which those in ``right`` are right."""
    return [sample(k, k in right, **more) for k in range(QUESTIONS)]


def write_lines(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def two(folder: Path, first: Sequence[int], second: Sequence[int], **more: Any) -> tuple[str, str]:
    """The files of two models that got these questions right."""
    return (
        write_lines(folder / "a" / f"samples_sums_{STAMP}.jsonl", samples(first, model="small", **more)),
        write_lines(folder / "b" / f"samples_sums_{STAMP}.jsonl", samples(second, model="large", **more)),
    )


def harness_sample(k: int, right: bool, filtered: str = "none") -> dict[str, Any]:
    """The same as lm-evaluation-harness writes it."""
    return {
        "doc_id": k, "doc": {"question": f"What is {k}?", "answer": str(k)}, "target": str(k),
        "arguments": {"gen_args_0": {"arg_0": f"What is {k}?", "arg_1": {}}},
        "resps": [[f"It is {k if right else 9}."]],
        "filtered_resps": [str(k if right else 9)], "filter": filtered, "metrics": ["exact_match"],
        "exact_match": float(right),
    }  # fmt: skip
