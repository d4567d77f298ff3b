"""Losses of two workers under each sharding against those of one worker, at the same global batch.

    python -m benchmarks.loss_curves

SFT, SFT of adapters, DPO with a live reference and distillation from a live teacher: a tiny student of random weights,
24 steps of 16 rows, in fp32 unless bf16 is named, through :func:`distilray.train.fit` on a Ray cluster of its own, as a
recipe's training runs. One worker takes four micro batches of four rows a step; two workers take two each. Reported is
the largest difference of any step's loss from the one worker's, as a share of that loss, and the same of gradient
norms; ``one worker, again`` is what a repetition differs by. In bf16 one worker computes under autocast, DeepSpeed and
FSDP2 in bf16 throughout, so they differ by its rounding.
Ends with an error where a difference is beyond TOLERANCE. Writes benchmarks/results/loss_curves.json and the table in
docs/workers.md.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import record

PAGE = record.ROOT / "docs" / "workers.md"
BEGIN, END = "<!-- loss_curves: begin -->\n", "<!-- loss_curves: end -->\n"
COMMON: dict[str, Any] = {
    "student": "student", "max_steps": 24, "max_length": 256, "batch_size": 16, "micro_batch_size": 4,
    "precision": "fp32", "log_every": 1, "save_every": 1000,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "sft": {"kind": "sft", "learning_rate": 3e-3},
    "sft, LoRA": {"kind": "sft", "learning_rate": 3e-3, "lora": {"r": 8}},
    "sft, bf16": {"kind": "sft", "learning_rate": 3e-3, "precision": "bf16"},
    "dpo": {"kind": "dpo", "learning_rate": 3e-4, "warmup": 0.03, "reference_by": "live"},
    "dpo, bf16": {
        "kind": "dpo",
        "learning_rate": 3e-4,
        "warmup": 0.03,
        "reference_by": "live",
        "precision": "bf16",
    },
    "distill": {"kind": "distill", "learning_rate": 3e-3, "teacher": "teacher", "source": "live"},
    "distill, bf16": {
        "kind": "distill",
        "learning_rate": 3e-3,
        "teacher": "teacher",
        "source": "live",
        "precision": "bf16",
    },
}
SHARDINGS = {"fsdp": "FSDP2", "ddp": "DDP", "zero2": "ZeRO-2", "zero3": "ZeRO-3"}
ALONE = "one worker, again"
TOLERANCE = {"fp32": 1e-5, "bf16": 2e-3}
"""Largest difference of a loss, as a share of it, that another order of sums and another place of rounding explain."""


def prepare(store: Any, kind: str, student: str) -> list[str]:
    """Token files that all trainings of a kind read."""
    from distilray.train import parse_settings
    from distilray.train.data.tokens import tokenize_unit
    from tests.support.pairs import pair_units, pairs
    from tests.support.specs import spec_of
    from tests.support.tiny import rows, write_units

    units = pair_units(store, pairs(192)) if kind.startswith("dpo") else write_units(store, rows(192))
    paths = [f"tokens/{kind}/unit-{number:06d}.parquet" for number in range(len(units))]
    for unit, path in zip(units, paths, strict=True):
        tokenize_unit(spec_of(store, parse_settings(COMMON | KINDS[kind]), student), unit, path, "key")
    return paths


def curve(folder: Path, kind: str, sharding: str, workers: int, paths: list[str]) -> list[dict[str, float]]:
    """A record for every step."""
    from distilray.models import VLLMModel
    from distilray.storage import Store
    from distilray.train import TrainResources, fit, parse_settings, read_metrics
    from tests.support.specs import spec_of

    store, out = Store(folder), f"training/{kind.replace(', ', '-')}-{sharding}-{workers}-{os.urandom(3).hex()}"
    models = {name: VLLMModel(path=str(folder / name)) for name in ("student", "teacher")}
    settings = parse_settings(COMMON | KINDS[kind] | {"sharding": sharding})
    resources = TrainResources(workers=workers, cpus_per_worker=0.5)
    fit(spec_of(store, settings, str(folder / "student"), out, resources=resources, models=models), paths)
    return [record for record in read_metrics(store, out) if "loss" in record]


def differences(found: list[dict[str, float]], alone: list[dict[str, float]]) -> dict[str, Any]:
    assert [record["step"] for record in found] == [record["step"] for record in alone]
    most: dict[str, Any] = {"first": found[0]["loss"], "last": found[-1]["loss"]}
    for name in ("loss", "grad_norm"):
        most[name] = max(abs(mine[name] - its[name]) / abs(its[name]) for mine, its in zip(found, alone, strict=True))
    return most


def table(results: dict[str, dict[str, Any]]) -> str:
    lines = ["| training | first and last loss, one worker | " + " | ".join([ALONE, *SHARDINGS.values()]) + " |"]
    lines.append("|---|--:|" + "--:|" * (1 + len(SHARDINGS)))
    for kind, of_kind in results.items():
        alone = of_kind["one worker"]
        cells = [kind, f"{alone['first']:.4f}, {alone['last']:.4f}"]
        cells += [f"{of_kind[name]['loss']:.1e}" if name in of_kind else "" for name in (ALONE, *SHARDINGS.values())]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = record.command_line(__doc__, "loss_curves.json")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--no-page", action="store_true", help="leave the table in docs/workers.md as it is")
    options = parser.parse_args()
    import ray

    from distilray.storage import Store
    from tests.support.checkpoints import make_student

    record.share_imports()
    results = record.earlier(options.out, "trainings") or {}
    ray.init(address="local", num_cpus=4, include_dashboard=False, object_store_memory=200 * 2**20, log_to_driver=False)
    with tempfile.TemporaryDirectory(prefix="distilray-bench-") as scratch:
        folder = Path(scratch)
        student = make_student(folder / "student")
        make_student(folder / "teacher", hidden=96, layers=3)
        for kind in options.kinds:
            paths = prepare(Store(folder), kind, student)
            alone = curve(folder, kind, "ddp", 1, paths)
            of_kind = {"one worker": differences(alone, alone)}
            of_kind[ALONE] = differences(curve(folder, kind, "ddp", 1, paths), alone)
            for sharding, name in SHARDINGS.items():
                of_kind[name] = differences(curve(folder, kind, sharding, 2, paths), alone)
                print(kind, name, json.dumps(of_kind[name]), flush=True)
            results[kind] = of_kind
            trainings = {name: results[name] for name in KINDS if name in results}
            record.write(options.out, {"settings": COMMON, "kinds": KINDS, "trainings": trainings})
    ray.shutdown()
    if not options.no_page:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + BEGIN + table(trainings) + END + after)
    print(table(trainings))
    for kind in options.kinds:
        limit = TOLERANCE["bf16" if "bf16" in kind else "fp32"]
        beyond = [name for name, found in results[kind].items() if found["loss"] > limit]
        if beyond:
            raise SystemExit(f"{kind}: {', '.join(beyond)} differ by more than {limit:g}")


if __name__ == "__main__":
    main()
