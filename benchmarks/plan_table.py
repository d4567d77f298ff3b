"""The table of docs/train-memory.md: what trainings of Qwen2.5 7B, 14B and 32B need on common machines, as planned.

    python -m benchmarks.plan_table      # arithmetic only, in a second

It is followed by the peaks that benchmarks/train_memory.py measured on CPUs. Nothing in the table of GPUs was measured.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import record
from distilray.checkpoints.published import QWEN2_5
from distilray.planning import parse_machines
from distilray.train import TrainResources, memory_plan, method_named, parse_settings, proposals
from distilray.train.memory.estimate import GIB

PAGE = record.ROOT / "docs" / "train-memory.md"
MACHINES = {"8 x 80 GiB": "8x80", "8 x 141 GiB": "8x141", "2 nodes, 8 x 80 GiB": "2x8x80",
            "2 nodes, 8 x 141 GiB": "2x8x141"}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "full, FSDP2": {},
    "full, FSDP2, recomputed": {"activation_checkpointing": True},
    "full, DDP, recomputed": {"sharding": "ddp", "activation_checkpointing": True},
    "LoRA, FSDP2, recomputed": {"lora": {"r": 16}, "activation_checkpointing": True},
    "QLoRA, DDP, recomputed": {
        "lora": {"r": 16, "quantize": "nf4"},
        "sharding": "ddp",
        "activation_checkpointing": True,
    },
}
LENGTHS = (4096, 16384)
RECOMPUTED = {"activation_checkpointing": True}
BESIDE: dict[str, dict[str, Any]] = {
    "DPO, reference live": {"kind": "dpo", "reference_by": "live", **RECOMPUTED},
    "DPO, LoRA": {"kind": "dpo", "reference_by": "live", "lora": {"r": 16}, **RECOMPUTED},
    "distillation, scores stored": {"kind": "distill", "teacher": "teacher", **RECOMPUTED},
    "distillation, 72B teacher live": {"kind": "distill", "teacher": "teacher", "source": "live", **RECOMPUTED},
}
"""Trainings that compare with another model."""


def settings(length: int, **changes: Any) -> Any:
    base = {"student": "student", "epochs": 1, "micro_batch_size": 1, "batch_size": 64, "max_length": length}
    return parse_settings({"kind": "sft", **base, **changes})


def planned() -> list[str]:
    """One table a length: rows are a model and a way of training, columns machines; GiB of one GPU at the peak."""
    lines = []
    for length, kinds, what in (
        *((length, KINDS, "SFT") for length in LENGTHS),
        (LENGTHS[0], BESIDE, "With another model: FSDP2, recomputed"),
    ):
        lines += [f"### {what}, rows of {length:,} tokens, one a micro batch", ""]
        lines += ["| student | training | " + " | ".join(MACHINES) + " |", "|---|---|" + "--:|" * len(MACHINES)]
        for size in ("7B", "14B", "32B"):
            for kind, changes in kinds.items():
                cells = [_cell(size, settings(length, **changes), words) for words in MACHINES.values()]
                lines.append(f"| Qwen2.5-{size} | {kind} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def _cell(size: str, chosen: Any, words: str) -> str:
    machine, costs = parse_machines(words), method_named(chosen.kind).costs(chosen)
    what: dict[str, Any] = {
        "beside": [QWEN2_5["72B" if name == "teacher" else size] for name in costs.beside],
        "costs": costs,
    }
    resources = TrainResources(workers=int(machine.gpus), gpus_per_worker=1)
    assert machine.gpu_gib is not None
    plan, limit = memory_plan(QWEN2_5[size], chosen, resources, **what), int(machine.gpu_gib * GIB)
    if plan.total <= limit:
        return f"{plan.total / GIB:.0f}"
    fitting = proposals(QWEN2_5[size], chosen, resources, limit, **what)
    return f"~~{plan.total / GIB:.0f}~~" + (f"; `{fitting[0][0]}`: {fitting[0][1].total / GIB:.0f}" if fitting else "")


def measured() -> list[str]:
    results = json.loads((record.RESULTS / "train_memory.json").read_text())
    lines = ["| case | parameters | workers | measured GiB | planned GiB | ratio |", "|---|--:|--:|--:|--:|--:|"]
    for case in results["cases"]:
        lines.append(
            f"| {case['case']} | {case['parameters'] / 1e6:,.0f} M | {case['workers']} | {case['measured_gib']:.2f} | "
            f"{case['planned_gib']:.2f} | {case['ratio']:.2f} |"
        )
    return lines


TEXT = """# Memory of trainings

`distilray plan recipe.yaml --machines 8x80` computes for every training what one GPU holds at its peak, refuses what
cannot fit (exit code 2) and names settings that would. `distilray run` does the same before anything starts. The
arithmetic is in `distilray/train/memory/estimate.py`.

This page is written by `python -m benchmarks.plan_table`.

## Planned, on GPUs

GiB of one GPU at its peak, bf16 over fp32 masters, AdamW, 1.5 GiB of them for context and buffers. ~~Struck out~~ does
not fit; behind it the first setting that would, and what it needs. None of this was measured on a GPU.

{planned}

## Measured, on CPUs

Resident memory at the peak of two steps, less that of the libraries, of random-weight students
(`benchmarks/train_memory.py`; the largest error is {error:.0%}). The plan for CPUs differs from that for GPUs only in
the logits' tile, which has no fused kernel there, and in what libraries hold.

{measured}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PAGE, help="the page to write; default: docs/train-memory.md")
    out: Path = parser.parse_args().out
    results = json.loads((record.RESULTS / "train_memory.json").read_text())
    out.write_text(
        TEXT.format(
            planned="\n".join(planned()).strip(), measured="\n".join(measured()), error=results["largest_error"]
        )
    )
    print(out)


if __name__ == "__main__":
    main()
