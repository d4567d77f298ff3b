from __future__ import annotations

import pytest
import torch

from distilray.checkpoints.published import QWEN2_5
from distilray.train import SFTSettings
from distilray.train.memory.flops import device_peak, flops_per_token, measured_peak


def test_operations_agree_with_those_that_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=300, attn_implementation="eager",
    )  # fmt: skip
    model, ids = Qwen2ForCausalLM(config), torch.randint(0, 300, (2, 32))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    assert flops_per_token(config.to_dict(), None, 32) * ids.numel() == pytest.approx(
        counter.get_total_flops(), rel=0.02
    )


def test_seven_billion_parameters_take_six_times_as_many_operations_and_attention() -> None:
    assert flops_per_token(QWEN2_5["7B"], None, 4096) == pytest.approx(6 * 7.07e9 + 12 * 28 * 3584 * 4096, rel=0.01)


def test_adapters_save_the_gradients_of_frozen_weights() -> None:
    lora = SFTSettings.model_validate({"student": "x", "epochs": 1, "lora": {"r": 8}}).lora
    full, low = flops_per_token(QWEN2_5["7B"], None, 0), flops_per_token(QWEN2_5["7B"], lora, 0)
    assert 0.66 < low / full < 0.69


def test_a_peak_is_named() -> None:
    assert device_peak(312.0, True) == device_peak(312.0, False)
    measured = measured_peak(256, 2)
    assert 0.0001 < measured.tflops < 100
    assert measured.name.startswith("measured: 256x256 fp32 product on")
