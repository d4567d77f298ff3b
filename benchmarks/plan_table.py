"""The table of docs/train-memory.md: what trainings of Qwen2.5 7B, 14B and 32B need on common machines, as planned.

    python -m benchmarks.plan_table      # arithmetic only, in a second

It is followed by the peaks that benchmarks/train_memory.py measured on CPUs. What one GPU measured: docs/gpu.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import record, train_memory
from distilray.planning import TrainingNeed, parse_machines, training_needs
from distilray.recipe import as_recipe
from distilray.train import parse_settings
from distilray.train.memory.estimate import GIB

SIZES = ("7B", "14B", "32B")
PAGE = record.ROOT / "docs" / "train-memory.md"
MACHINES = {"8 x 80 GiB": "8x80", "2 nodes, 8 x 80 GiB": "2x8x80", "8 x 141 GiB": "8x141"}
RECOMPUTED = {"activation_checkpointing": True}
KINDS: dict[str, dict[str, Any]] = {
    "full, FSDP2": {},
    "full, FSDP2, recomputed": RECOMPUTED,
    "full, FSDP2, recomputed, offload": {**RECOMPUTED, "offload": True},
    "full, DDP, recomputed": {"sharding": "ddp", **RECOMPUTED},
    "LoRA, FSDP2, recomputed": {"lora": {"r": 16}, **RECOMPUTED},
    "QLoRA, DDP, recomputed": {"lora": {"r": 16, "quantize": "nf4"}, "sharding": "ddp", **RECOMPUTED},
}
LENGTHS = (4096, 16384)
DPO = {"kind": "dpo", **RECOMPUTED}
DISTILL = {"kind": "distill", "teacher": "teacher", **RECOMPUTED}
BESIDE: dict[str, dict[str, Any]] = {
    "DPO, reference cached": {**DPO, "reference_by": "workers"},
    "DPO, reference live": {**DPO, "reference_by": "live"},
    "DPO, LoRA": {**DPO, "reference_by": "live", "lora": {"r": 16}},
    "distillation, scores stored": DISTILL,
    "distillation, 72B teacher live": {**DISTILL, "source": "live"},
}
"""Trainings that compare with another model."""
FILES = {
    "full": KINDS["full, FSDP2, recomputed"],
    "full, offload": KINDS["full, FSDP2, recomputed, offload"],
    "full, DDP": KINDS["full, DDP, recomputed"],
    "LoRA": KINDS["LoRA, FSDP2, recomputed"],
    **BESIDE,
}
"""Trainings of the table of machines and files."""


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
        for size in SIZES:
            for kind, changes in kinds.items():
                cells = [_gpu(needed(size, settings(length, **changes), words)) for words in MACHINES.values()]
                lines.append(f"| Qwen2.5-{size} | {kind} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def machines() -> list[str]:
    """Rows are a model and a way of training; GiB of a machine, GB of files, and seconds."""
    names = ["student", "training", "loading", "offloaded", "export", *(f"in all, {name}" for name in MACHINES)]
    names += ["checkpoint GB", "s", "s, 2 nodes", "to read GB", "s", "student GB", "s"]
    lines = ["| " + " | ".join(names) + " |", "|---|---|" + "--:|" * (len(names) - 2)]
    for size in SIZES:
        for kind, changes in FILES.items():
            needs = [needed(size, settings(LENGTHS[0], **changes), words) for words in MACHINES.values()]
            one, two = needs[0], needs[1]
            assert one.host is not None and one.files is not None and two.files is not None
            gib, files = one.host.gib(), one.files.gb()
            cells = [f"{gib[part]:.0f}" for part in ("loading", "offloaded", "exporting")]
            cells += [_host(need) for need in needs]
            cells += [f"{files['checkpoint']:.1f}", f"{files['checkpoint_s']:.0f}", f"{two.files.checkpoint_s:.0f}"]
            cells += [f"{files['read']:.0f}", f"{files['read_s']:.0f}"]
            cells += [f"{files['export']:.0f}", f"{files['export_s']:.0f}"]
            lines.append(f"| Qwen2.5-{size} | {kind} | " + " | ".join(cells) + " |")
    return lines


def needed(size: str, chosen: Any, words: str) -> TrainingNeed:
    """What a plan says of one training on all GPUs of the machines ``words``."""
    machine = parse_machines(words)
    training = {**chosen.model_dump(mode="json"), "resources": {"workers": int(machine.gpus), "gpus_per_worker": 1}}
    models = {"student": {"path": f"Qwen/Qwen2.5-{size}"}, "teacher": {"path": "Qwen/Qwen2.5-72B"}}
    recipe = as_recipe({"models": models, "sources": [{"name": "rows", "path": "rows.jsonl"}], "train": [training]})
    (need,) = training_needs(recipe, machine)
    return need


def _gpu(need: TrainingNeed) -> str:
    assert need.memory is not None
    return _cell(need.memory.total, need.fits_workers, need)


def _host(need: TrainingNeed) -> str:
    assert need.host is not None
    return _cell(need.host.total, need.fits_hosts, need)


def _cell(total: int, fits: bool, need: TrainingNeed) -> str:
    if fits:
        return f"{total / GIB:.0f}"
    fitting = need.remedies
    return f"~~{total / GIB:.0f}~~" + (f"; `{fitting[0][0]}`: {fitting[0][1].total / GIB:.0f}" if fitting else "")


def measured() -> list[str]:
    results = json.loads((record.RESULTS / "train_memory.json").read_text())
    lines = ["| case | parameters | workers | measured GiB | planned GiB | ratio |", "|---|--:|--:|--:|--:|--:|"]
    for case in results["cases"]:
        gib = train_memory.planned(case["case"]).peak / GIB
        lines.append(
            f"| {case['case']} | {case['parameters'] / 1e6:,.0f} M | {case['workers']} | {case['measured_gib']:.2f} | "
            f"{gib:.2f} | {gib / case['measured_gib']:.2f} |"
        )
    return lines


TEXT = """# Memory of trainings

`distilray plan recipe.yaml --machines 8x80` computes for every training what one GPU and one machine hold at their
peak, and the size and time of its files; it refuses what cannot fit (exit code 2) and names settings that would.
`distilray run` does the same before anything starts. `--json` writes the figures. The arithmetic is in
`distilray/train/memory`: `estimate.py` has the GPUs, `nodes.py` machines and files.

This page is written by `python -m benchmarks.plan_table`.

## Planned, on GPUs

GiB of one GPU at its peak, bf16 over fp32 masters, AdamW, 1.5 GiB and 3 % of the peak of them for the context and what
the allocator cannot use. ~~Struck out~~ does not fit; behind it the first setting that would, and what it needs.
Nothing in this table was measured; smaller trainings on one H200 were within 5 % of their plan (see [gpu.md](gpu.md)).

Packed rows need an attention mask, which these tables do not have: keys and values are then repeated for every head (7
times in a 7B, 5 times in a 32B), and each layer keeps a copy of the mask in bf16, 0.5 GiB at 16,384 tokens. The plan
counts both where `packing: true`. Rows that are merely padded on the right need no mask.

{planned}

## Machines, checkpoints and time

GiB of the memory of the machine that needs most: 3 GiB for each worker's libraries and the largest of loading and
export, with what is offloaded. One worker reads the student and sends the others their shards; under DDP all read it.
Loading, offloaded and export are of one machine with 8 x 80 GiB. Times are at **{storage:g} GB/s for each machine**
(`--machines 8x80,storage=2` plans with 2); every machine writes its share of a checkpoint, the first one the student.
A checkpoint to resume from holds 12 bytes for each number that is trained: fp32 weights and AdamW's moments. A machine
is taken to have twice the memory of its GPUs (`--machines 8x80,host=1000` says otherwise; a cluster's is Ray's
`memory` resource).

{machines}

## Measured, on CPUs

Resident memory at the peak of two steps, less that of the libraries, of random-weight students
(`benchmarks/train_memory.py`; the largest error is {error:.0%}). The plan for CPUs differs from that for GPUs in the
logits' tile, which has no fused kernel there, in one layer fewer that FSDP2 gathers ahead, and in what libraries hold.

{measured}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PAGE, help="the page to write; default: docs/train-memory.md")
    out: Path = parser.parse_args().out
    results = json.loads((record.RESULTS / "train_memory.json").read_text())
    out.write_text(
        TEXT.format(
            planned="\n".join(planned()).strip(),
            machines="\n".join(machines()),
            storage=parse_machines("8x80").storage_gb_s,
            measured="\n".join(measured()),
            error=results["largest_error"],
        )
    )
    print(out)


if __name__ == "__main__":
    main()
