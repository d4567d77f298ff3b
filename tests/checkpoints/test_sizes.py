"""What people call a model of a size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.checkpoints import size_of
from distilray.checkpoints.published import QWEN2, QWEN2_5, published_config
from distilray.checkpoints.sizes import parameters_of


@pytest.mark.parametrize("size", QWEN2_5)
def test_a_published_model_has_the_size_in_its_name(size: str) -> None:
    assert size_of(f"Qwen/Qwen2.5-{size}-Instruct") == size


@pytest.mark.parametrize("size", QWEN2)
def test_so_has_its_predecessor(size: str) -> None:
    assert size_of(f"Qwen/Qwen2-{size}-Instruct") == size_of(f"Qwen/Qwen2-{size}") == size


def test_a_mixture_and_other_families_are_not_known() -> None:
    names = ("Qwen/Qwen2-57B-A14B-Instruct", "Qwen/Qwen2-Math-7B", "Qwen/Qwen2-14B", "me/Qwen2-7B")
    assert [published_config(name) for name in names] == [None] * len(names)


def test_a_checkpoint_here_is_counted_from_its_config(tmp_path: Path) -> None:
    config = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336}
    config |= {"num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert size_of(str(tmp_path)) == "8B"
    assert parameters_of(config) == pytest.approx(8.03e9, rel=1e-3)


def test_a_toy_a_mixture_of_experts_and_what_is_not_here_have_none() -> None:
    assert size_of("package://distilray.practice/checkpoints/student_warm") is None
    assert parameters_of({**QWEN2_5["7B"], "num_experts": 64}) is None
    assert size_of("nobody/never-downloaded") is None
