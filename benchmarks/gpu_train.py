"""Random-weight Qwen2.5 1.5B and 7B trained for some steps on one GPU: tokens/s, MFU, peak memory against the plan.

    python -m benchmarks.gpu_train                # on a GPU
    python -m benchmarks.gpu_train --preview      # the same with tiny students on a CPU

Each case is a process of its own and runs the trainer of a recipe's training in bf16, on rows of full length. A case
that the plan says cannot fit the GPU is planned and not run. tokens/s are over all steps but the first three; the peak
is what PyTorch allocated, against the plan without its overhead (on a CPU it is resident memory, which a tiny student
hardly changes, so only benchmarks/train_memory.py compares that). MFU is of the data sheet's dense bf16 peak.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

from benchmarks import record
from benchmarks.train_memory import GIB, build, resident

RECOMPUTE = {"activation_checkpointing": True}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "1.5b full": ("1.5B", {"max_length": 4096, "micro_batch_size": 4}),
    "1.5b full, recomputed": ("1.5B", {"max_length": 4096, "micro_batch_size": 8, **RECOMPUTE}),
    "1.5b full, 16k rows": ("1.5B", {"max_length": 16384, "micro_batch_size": 1, **RECOMPUTE}),
    "7b full, recomputed": ("7B", {"max_length": 4096, "micro_batch_size": 1, **RECOMPUTE}),
    "7b lora": ("7B", {"max_length": 4096, "micro_batch_size": 2, "lora": {"r": 16}}),
    "7b lora, recomputed": ("7B", {"max_length": 4096, "micro_batch_size": 8, "lora": {"r": 16}, **RECOMPUTE}),
}
WARM = 3


def one(name: str, steps: int, preview: bool) -> dict[str, Any]:
    """One case, in this process."""
    import torch
    from transformers import TrainerCallback

    from distilray.checkpoints.published import QWEN2_5
    from distilray.planning import this_machine
    from distilray.train import SFTSettings, TrainResources, memory_plan
    from distilray.train.memory.flops import device_peak, flops_per_token

    size, written = CASES[name]
    config = dict(QWEN2_5[size])
    if preview:
        written = {**written, "max_length": 64}
        config |= {"num_hidden_layers": 2, "hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4,
                   "num_key_value_heads": 2, "vocab_size": 1000}  # fmt: skip
    chosen = SFTSettings.model_validate(
        {
            "student": "student",
            "max_steps": steps,
            "sharding": "ddp",
            "batch_size": written["micro_batch_size"],
            **written,
        }
    )
    resources = TrainResources(gpus_per_worker=0 if preview else 1)
    plan, room = memory_plan(config, chosen, resources), this_machine().gpu_gib
    result: dict[str, Any] = {"case": name, "settings": written, "planned": plan.gib()}
    if room is not None and plan.total > room * GIB:
        return {**result, "not_run": f"the plan needs {plan.total / GIB:.1f} GiB, the GPU has {room:.1f}"}
    ends: list[float] = []
    if not preview:
        torch.cuda.reset_peak_memory_stats()
    trainer = build(config, chosen, resources, steps)

    class Ends(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if not preview:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    trainer.add_callback(Ends())
    trainer.train()
    tokens = chosen.batch_size * chosen.max_length
    rate = tokens * (len(ends) - WARM) / (ends[-1] - ends[WARM - 1])
    peak = device_peak(None, preview)
    flops = flops_per_token(config, chosen.lora, chosen.max_length)
    used = resident("VmHWM") if preview else torch.cuda.max_memory_allocated()
    return {
        **result,
        "device": "CPU" if preview else torch.cuda.get_device_name(),
        "steps": len(ends),
        "tokens_per_second": round(rate, 1),
        "mfu": None if peak is None else round(rate * flops / peak.tflops / 1e12, 4),
        "peak_tflops": None if peak is None else {"tflops": round(peak.tflops, 3), "name": peak.name},
        "measured_gib": round(used / GIB, 3),
        "planned_gib": round(plan.peak / GIB, 3),
        "ratio": None if preview else round(plan.peak / used, 3),
    }


def main() -> None:
    parser = record.command_line(__doc__, "gpu_train.json")
    parser.add_argument("--preview", action="store_true", help="tiny students on a CPU: does the script run?")
    parser.add_argument("--steps", type=int, default=10, help=f"optimizer steps, more than {WARM}")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps <= WARM:
        parser.error(f"--steps {options.steps}: the first {WARM} are not timed, take more")
    if options.case:
        print(json.dumps(one(options.case, options.steps, options.preview)))
        return
    results = []
    for name in CASES:
        if not name.startswith(options.only):
            continue
        command = [sys.executable, "-m", "benchmarks.gpu_train", "--case", name, "--steps", str(options.steps)]
        command += ["--preview"] * options.preview
        done = subprocess.run(command, cwd=record.ROOT, stdout=subprocess.PIPE, text=True)
        lines = done.stdout.splitlines()
        failed = {"case": name, "failed": f"exit code {done.returncode}; its last words are above"}
        results.append(failed if done.returncode else json.loads(lines[-1]))
        print(json.dumps(results[-1]), flush=True)
        if not options.preview:
            record.write(options.out, {"cases": results})
    sys.exit(any("failed" in result for result in results))


if __name__ == "__main__":
    main()
