"""An export's config.json names the precision that its weights have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from distilray.train.loop.export import _write_model
from tests.support.checkpoints import make_student, make_tokenizer, random_qwen2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_fp32_masters_are_exported_in_the_students_precision(dtype: torch.dtype, tmp_path: Path):
    tokenizer = make_tokenizer()
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = random_qwen2(tokenizer, vocab_size=len(tokenizer), num_key_value_heads=1, **shape)
    weights = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    assert model.dtype == torch.float32
    _write_model(model, weights, dtype, str(tmp_path))
    assert json.loads((tmp_path / "config.json").read_text("utf-8"))["dtype"] == str(dtype).removeprefix("torch.")
    written = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {dtype}


def test_what_is_read_back_has_that_precision(tmp_path: Path):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(make_student(tmp_path / "student"), dtype=torch.float32)
    weights = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    _write_model(model, weights, torch.bfloat16, str(tmp_path / "final"))
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "final", dtype="auto").dtype == torch.bfloat16
