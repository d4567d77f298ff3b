"""A tiny encoder with random weights and the practice world's tokenizer, and practice problems with their labels."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from distilray.checkpoints import resolve_path
from distilray.ledger import UnitCounts, UnitInput, write_unit
from distilray.practice.arithmetic import Split, draw_problem, record
from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train import ClassifySettings

TOKENIZER = "package://distilray.practice/checkpoints/student_blank"
SCHEMA = schema_with({"operation": "string", "level": "int", "share": "float"})


def make_encoder(folder: Path, *, hidden: int = 48, layers: int = 2) -> str:
    """A random BERT of about 0.2 M parameters without a head, saved to ``folder``."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    source = Path(resolve_path(TOKENIZER))
    tokenizer = AutoTokenizer.from_pretrained(source)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
        num_attention_heads=2, max_position_embeddings=160, pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder)
    return str(folder)


def problems(count: int, *, seed: int = 0, split: Split = "train") -> list[dict[str, Any]]:
    """Word problems in both languages, labelled by language and operation: ``en +``, ``zh -``, ..."""
    dice, made = random.Random(f"labels-{seed}"), []
    for number in range(count):
        problem = draw_problem(dice, split)
        label = f"{problem.language} {problem.operation}"
        row = {"id": f"{split}-{seed}:{number}", "outcome": "kept", "operation": label, **record(problem)}
        made.append(row | {"level": problem.a // 500, "share": problem.a / 1000})
    return made


def write_units(store: Store, made: list[dict[str, Any]], *, size: int = 100) -> list[UnitInput]:
    inputs = []
    for start in range(0, len(made), size):
        path = f"steps/01-label/unit-{start // size:06d}.parquet"
        write_unit(store, path, pa.Table.from_pylist(made[start : start + size], SCHEMA), SCHEMA, UnitCounts())
        inputs.append(UnitInput(path))
    return inputs


def settings(**changes: Any) -> ClassifySettings:
    base: dict[str, Any] = {"student": "tasks", "column": "operation", "max_steps": 120, "batch_size": 32,
                            "micro_batch_size": 16, "max_length": 128, "learning_rate": 3e-3, "precision": "fp32",
                            "log_every": 1, "save_every": 40, "evaluate_every": 60, "holdout": 0.2}  # fmt: skip
    return ClassifySettings.model_validate(base | changes)
