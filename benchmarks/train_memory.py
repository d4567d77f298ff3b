"""Peak memory of trainings against what the plan says of them, on CPUs.

    python -m benchmarks.train_memory              # all cases, some minutes each
    python -m benchmarks.train_memory --only tiny

Each case is trained for two steps by the trainer that a recipe's training runs, on random tokens, all rows as long as
they may be, in processes of their own (two where the weights are sharded). What is compared is resident memory at its
peak while the steps run, less what was resident before the student was made (libraries; a tiny training has warmed them
up), with the plan's peak without its overhead; and both with it. One allocation is one mapping (a setting of glibc), so
that what was freed is not counted. The results are added to those in --out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.random_training import GIB, build, resident

QWEN = {"model_type": "qwen2", "max_position_embeddings": 4096}
TINY = {**QWEN, "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 6,
        "num_key_value_heads": 2, "vocab_size": 16000, "tie_word_embeddings": False}  # fmt: skip
SMALL = {**QWEN, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
         "num_key_value_heads": 4, "vocab_size": 32000, "tie_word_embeddings": False}  # fmt: skip
HALF = {**QWEN, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True}  # fmt: skip
FP32 = {"precision": "fp32"}
ALONE = {"sharding": "ddp"}
RECOMPUTE = {"activation_checkpointing": True}
ROWS4 = {"batch_size": 4, "micro_batch_size": 4, "max_length": 256}
ONE_ROW = {"batch_size": 1, "micro_batch_size": 1, "max_length": 256}
DPO = {"kind": "dpo", "reference_by": "live"}
TAUGHT = {"kind": "distill", "teacher": "teacher", "source": "live"}
WHOLE = {**TAUGHT, "top_k": None}
ROWS2 = {"batch_size": 2, "micro_batch_size": 2, "max_length": 256}
CASES: dict[str, tuple[dict[str, Any], int, dict[str, Any]]] = {
    # name: config, workers, settings
    "tiny fp32": (TINY, 1, {**ALONE, **FP32, **ROWS4}),
    "tiny fp32, recomputed": (TINY, 1, {**ALONE, **FP32, **ROWS4, **RECOMPUTE}),
    "tiny fp32, two micro batches": (TINY, 1, {**ALONE, **FP32, **ROWS4, "micro_batch_size": 2}),
    "tiny bf16": (TINY, 1, {**ALONE, **ROWS4}),
    "tiny bf16, recomputed": (TINY, 1, {**ALONE, **ROWS4, **RECOMPUTE}),
    "tiny lora": (TINY, 1, {**ALONE, **ROWS4, "lora": {"r": 16}}),
    "tiny bf16, fsdp x2": (TINY, 2, {**ROWS4, "batch_size": 8}),
    "tiny fp32, fsdp x2": (TINY, 2, {**ROWS4, **FP32, "batch_size": 8}),
    "tiny fp32, fsdp x2, two micro batches": (TINY, 2, {**ROWS4, **FP32, "batch_size": 8, "micro_batch_size": 2}),
    "tiny fp32, ddp x2": (TINY, 2, {**ROWS4, **FP32, **ALONE, "batch_size": 8}),
    "tiny dpo": (TINY, 1, {**ALONE, **FP32, **ROWS2, **DPO}),
    "tiny dpo, fsdp x2": (TINY, 2, {**FP32, **ROWS2, **DPO, "batch_size": 4}),
    "tiny distill": (TINY, 1, {**ALONE, **FP32, **ROWS4, **TAUGHT}),
    "tiny distill, whole vocabulary": (TINY, 1, {**ALONE, **FP32, **ROWS4, **WHOLE}),
    "tiny distill, fsdp x2": (TINY, 2, {**FP32, **ROWS4, **TAUGHT, "batch_size": 8}),
    "150m fp32": (SMALL, 1, {**ALONE, **FP32, **ROWS4, "batch_size": 2, "micro_batch_size": 2}),
    "150m bf16": (SMALL, 1, {**ALONE, **ROWS4, "batch_size": 2, "micro_batch_size": 2}),
    "150m bf16, fsdp x2": (SMALL, 2, {**ROWS4, "batch_size": 4, "micro_batch_size": 2}),
    "150m dpo bf16, fsdp x2": (SMALL, 2, {**ROWS2, **DPO}),
    "150m distill bf16, fsdp x2": (SMALL, 2, {**ROWS4, **TAUGHT}),
    "qwen2.5-0.5b fp32": (HALF, 1, {**ALONE, **FP32, **ONE_ROW}),
    "qwen2.5-0.5b bf16": (HALF, 1, {**ALONE, **ONE_ROW}),
    "qwen2.5-0.5b bf16, recomputed": (HALF, 1, {**ALONE, **ONE_ROW, **RECOMPUTE}),
    "qwen2.5-0.5b distill": (HALF, 1, {**ALONE, **FP32, **ONE_ROW, **TAUGHT}),
    "qwen2.5-0.5b lora": (HALF, 1, {**ALONE, **ONE_ROW, "lora": {"r": 16}}),
}
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1",
    "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "1000000",
}  # fmt: skip


def settings_of(name: str) -> Any:
    from distilray.train import parse_settings

    return parse_settings({"kind": "sft", "student": "student", "max_steps": 2, **CASES[name][2]})


def one_worker(name: str) -> None:
    """What one process of a case does; the first prints what it measured."""
    import torch

    from distilray.train import TrainResources

    config, workers, _ = CASES[name]
    torch.set_num_threads(1)
    alone = {} if workers > 1 else {"store": torch.distributed.HashStore(), "rank": 0, "world_size": 1}
    torch.distributed.init_process_group("gloo", **alone)
    settings, resources = settings_of(name), TrainResources(workers=workers)
    warm = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128, "vocab_size": 400,
            "num_attention_heads": 2, "num_key_value_heads": 2}  # fmt: skip
    train({**config, **warm}, settings.model_copy(update={"max_length": 16}), resources)
    before = resident("VmRSS")
    peaks = train(config, settings, resources)
    if int(os.environ.get("RANK", "0")) == 0:
        print(json.dumps({"before": before, "peak": max(peaks)}), flush=True)


def train(config: dict[str, Any], settings: Any, resources: Any) -> list[int]:
    """Trains for two steps, and returns the resident memory at the peak of each."""
    from transformers import TrainerCallback

    trainer = build(config, settings, resources, 2)
    peaks: list[int] = []

    class Peaks(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew

        def on_step_end(self, *_: Any, **__: Any) -> None:
            peaks.append(resident("VmHWM"))

    trainer.add_callback(Peaks())
    trainer.train()
    return peaks


def planned(name: str) -> Any:
    """What the plan says of a case."""
    from distilray.train import TrainResources, memory_plan, method_named

    config, workers, _ = CASES[name]
    settings = settings_of(name)
    costs = method_named(settings.kind).costs(settings)
    beside = [config for _ in costs.beside]
    resources = TrainResources(workers=workers)
    return memory_plan(config, settings, resources, beside=beside, costs=costs)


def measure(name: str) -> dict[str, Any]:
    """One case, in processes of its own."""
    config, workers, written = CASES[name]
    plan = planned(name)
    port = str(20000 + os.getpid() % 20000)
    processes = []
    for rank in range(workers):
        env = {**os.environ, **ENVIRONMENT}
        if workers > 1:
            ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(workers), "MASTER_PORT": port}
            env |= {**ranks, "LOCAL_WORLD_SIZE": str(workers)}
        command = [sys.executable, "-m", "benchmarks.train_memory", "--worker", name]
        processes.append(subprocess.Popen(command, cwd=record.ROOT, env=env, stdout=subprocess.PIPE, text=True))
    texts = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"{name}: a worker ended with an error, see above")
    found = json.loads(texts[0].splitlines()[-1])
    measured = found["peak"] - found["before"]
    return {
        "case": name,
        "workers": workers,
        "settings": written,
        "parameters": parameters(config),
        "measured_gib": round(measured / GIB, 3),
        "planned_gib": round(plan.peak / GIB, 3),
        "ratio": round(plan.peak / measured, 3),
        "measured_total_gib": round(found["peak"] / GIB, 3),
        "planned_total_gib": round(plan.total / GIB, 3),
        "total_ratio": round(plan.total / found["peak"], 3),
        "parts_gib": plan.gib(),
    }


def parameters(config: dict[str, Any]) -> int:
    from distilray.train.memory.shape import Shape

    return Shape.of(config).parameters


def main() -> None:
    parser = record.command_line(__doc__, "train_memory.json")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        one_worker(options.worker)
        return
    results = {case["case"]: case for case in record.earlier(options.out, "cases") or ()}
    for name in CASES:
        if name.startswith(options.only):
            results[name] = measure(name)
            shown = results[name]
            print(f"{name:32} measured {shown['measured_gib']:7.3f}  planned {shown['planned_gib']:7.3f}  "
                  f"ratio {shown['ratio']:.2f}   with libraries {shown['total_ratio']:.2f}", flush=True)  # fmt: skip
            cases = [results[case] for case in CASES if case in results]
            worst = max(abs(case["ratio"] - 1) for case in cases)
            record.write(options.out, {"largest_error": round(worst, 3), "cases": cases})


if __name__ == "__main__":
    main()
