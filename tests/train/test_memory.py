from __future__ import annotations

import pytest

from distilray.train import SFTSettings, TrainResources
from distilray.train.memory import GIB, Shape, memory_plan, proposals

QWEN_7B = {
    "num_hidden_layers": 28, "hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False,
}  # fmt: skip
EIGHT = TrainResources(workers=8, gpus_per_worker=1)


def settings(**changes: object) -> SFTSettings:
    base = {"student": "x", "epochs": 1, "max_length": 4096, "batch_size": 64, "micro_batch_size": 1}
    return SFTSettings.model_validate({**base, **changes})


def test_parameters_are_those_of_the_published_model() -> None:
    assert Shape.of(QWEN_7B).parameters == pytest.approx(7.616e9, rel=0.001)


def test_parameters_agree_with_a_model_that_is_built(student: str) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(student)
    biases = sum(p.numel() for name, p in model.named_parameters() if name.endswith("bias"))
    assert Shape.of(model.config.to_dict()).parameters == model.num_parameters() - biases


def test_full_training_of_7b_fits_eight_gpus_of_80_gb_when_sharded_but_not_otherwise() -> None:
    assert memory_plan(QWEN_7B, settings(activation_checkpointing=True), EIGHT).total < 80 * GIB
    assert memory_plan(QWEN_7B, settings(activation_checkpointing=True, sharding="ddp"), EIGHT).total > 80 * GIB


def test_states_shrink_with_workers_and_activations_do_not() -> None:
    sixteen = TrainResources(workers=16, gpus_per_worker=1)
    few, many = memory_plan(QWEN_7B, settings(), EIGHT), memory_plan(QWEN_7B, settings(), sixteen)
    assert many.optimizer == few.optimizer // 2
    assert many.activations == few.activations


def test_what_does_not_fit_gets_proposals_that_do() -> None:
    too_big = settings(micro_batch_size=8, sharding="ddp")
    assert memory_plan(QWEN_7B, too_big, EIGHT).total > 80 * GIB
    found = proposals(QWEN_7B, too_big, EIGHT, 80 * GIB)
    assert found
    assert all(plan.total <= 80 * GIB for _, plan in found)
    assert found[0][0].startswith("sharding: fsdp")


def test_nothing_is_proposed_where_nothing_helps() -> None:
    assert proposals(QWEN_7B, settings(), TrainResources(workers=1, gpus_per_worker=1), 4 * GIB) == []
