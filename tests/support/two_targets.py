"""What tests of distilling step-by-step share: rows in token files, and the trainer in this process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from distilray.storage import Store
from distilray.train import StepByStepSettings
from distilray.train.data.order import batch_order
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import open_feed, write_feed
from distilray.train.distributed import cpu
from distilray.train.loop.callbacks import Sharded
from distilray.train.loop.context import WorkerContext
from distilray.train.methods.step_by_step.method import StepByStep
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units

STEPS, BATCH = 6, 8


def settings(**changes: Any) -> StepByStepSettings:
    return StepByStepSettings.model_validate({"student": "tiny", "epochs": 1, "max_length": 256, **changes})


def written(folder: Path, student: str, count: int = 64) -> tuple[Store, list[str]]:
    """A store in ``folder`` with the token files of ``count`` rows whose answers are single numbers."""
    store, paths = Store(folder), []
    made = [row | {"answer": row["answer"].rpartition(" ")[2]} for row in rows(count)]
    for number, unit in enumerate(write_units(store, made, size=32)):
        paths.append(f"training/step_by_step/tokens/unit-{number:06d}.parquet")
        tokenize_unit(spec_of(store, settings(), student), unit, paths[-1], "key")
    return store, paths


def trained(
    run: tuple[Store, list[str]],
    student: str,
    folder: Path,
    *,
    micro: int = BATCH,
    workers: int = 1,
    holdout: float = 0.0,
    steps: int = STEPS,
    more: dict[str, Any] | None = None,
    **changes: Any,
) -> Any:
    """The trainer after ``steps`` steps of ``BATCH`` rows in micro batches; each of ``workers`` calls it."""
    store, paths = run
    chosen = settings(learning_rate=3e-3, max_steps=steps, epochs=None, **changes)
    folder.mkdir(parents=True)
    kind = StepByStep()
    write_feed(store, paths, str(folder), holdout=holdout, pack_to=kind.pack_to(chosen))
    feed = open_feed(str(folder), packed=chosen.packing)
    common = {
        "output_dir": str(folder / "out"), "max_steps": steps, "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": BATCH // micro // workers, "learning_rate": 3e-3, "use_cpu": True, "bf16": False,
        "report_to": "none", "disable_tqdm": True, "logging_steps": 1, "save_strategy": "no", "seed": 0,
        "gradient_checkpointing": False, "lr_scheduler_type": "constant", "per_device_eval_batch_size": 4,
    }  # fmt: skip
    if holdout:
        common |= {"eval_strategy": "steps", "eval_steps": steps}
    arguments = kind.arguments(chosen, common | (more or {}))
    if workers > 1:
        cpu.before_trainer("fsdp", workers)
    trainer = kind.trainer(
        WorkerContext(
            job=SimpleNamespace(settings=chosen),  # type: ignore[arg-type]
            arguments=arguments,
            model=AutoModelForCausalLM.from_pretrained(student, dtype="float32"),
            tokenizer=AutoTokenizer.from_pretrained(student),
            feed=feed,
            order=batch_order(feed.lengths, steps, BATCH, seed=0, by_length=True),
            adapters=None,
        )
    )
    if workers > 1:
        trainer.add_callback(Sharded(trainer, workers))  # raises where DDP took FSDP's place
    trainer.train()
    return trainer


def logged(trainer: Any, name: str) -> list[float]:
    return [record[name] for record in trainer.state.log_history if name in record]
