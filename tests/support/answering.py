"""A student of the practice world that answers held-out problems while it is trained; for tests of that."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, Trainer, TrainingArguments

from distilray.checkpoints import resolve_path
from distilray.practice.arithmetic import draw_problem
from distilray.practice.worked import medium
from distilray.storage import Store
from distilray.train import TrainSettings, method_named
from distilray.train.data.tokens import tokenize_unit
from distilray.train.loop.generation import HeldOutAnswers
from distilray.train.spec import Job
from tests.support.specs import SHORT, spec_of
from tests.support.tiny import write_units
from tests.support.trainer import model_at

STUDENT = "package://distilray.practice/checkpoints/teacher"
OUT = "training/sft"
TOKENS = f"{OUT}/tokens/unit-000000.parquet"
GENERATE = {"prompts": 10, "max_tokens": 200, "verifier": "numeric"}


def settings(**changes: Any) -> TrainSettings:
    chosen = {**SHORT, "holdout": 0.3, "evaluate_every": 2, "generate": GENERATE, **changes}
    return method_named("sft").settings(name="sft", **chosen)


def problems(count: int) -> list[dict[str, Any]]:
    """Worked problems as rows."""
    dice, made = random.Random("generation"), []
    for k in range(count):
        problem = draw_problem(dice, "train")
        asked = [{"role": "user", "content": problem.text}]
        made.append({"id": f"sum:{k}", "messages": asked, "answer": medium(problem).text, "outcome": "kept"})
    return made


def practice_job(folder: Path, **changes: Any) -> Job:
    """Forty worked problems as tokens of the practice world's student."""
    store = Store(folder / "run")
    spec = spec_of(store, settings(**changes), STUDENT, OUT)
    (unit,) = write_units(store, problems(40), size=64)
    tokenize_unit(spec, unit, TOKENS, "key")
    return Job.of(spec, [TOKENS], None)  # type: ignore[arg-type]


def in_fp32(folder: Path) -> str:
    """A copy of the practice world's student in ``folder``, whose exports are not rounded."""
    shutil.copytree(resolve_path(STUDENT), folder)
    model = model_at(str(folder))
    model.config.dtype = torch.float32
    model.save_pretrained(folder)
    return str(folder)


def measured(job: Job, folder: Path, batch: int, checkpoint: str | None = None) -> HeldOutAnswers:
    """What measures the answers of ``checkpoint``, by default the practice world's student, in this process alone."""
    path = checkpoint or resolve_path(STUDENT)
    arguments = TrainingArguments(str(folder), use_cpu=True, report_to="none", per_device_eval_batch_size=batch)
    return HeldOutAnswers(Trainer(model_at(path), arguments), job, AutoTokenizer.from_pretrained(path))


def with_other_answers(model: Any, by: float) -> None:
    """Moves adapters, if ``model`` has any, at random from where they begin, changing nothing."""
    dice = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=dice) * by
