"""What is done to a student before it is trained: adapters leave rounding to autocast, blocks are compiled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import Qwen2Config, Qwen2ForCausalLM

from distilray.train.loop.student import compile_blocks, leave_inputs_to_autocast

IDS = torch.arange(24).reshape(2, 12)


def student(dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=64,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).to(dtype)


def adapted() -> Any:
    model = get_peft_model(student(torch.bfloat16), LoraConfig(r=4, target_modules="all-linear"))
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn(weight.shape) / 10
    return model


def loss_and_gradient(model: Any, autocast: bool) -> tuple[float, torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = model(input_ids=IDS, labels=IDS).loss
    loss.backward()
    return loss.item(), torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def test_adapters_make_no_copies_under_autocast_and_compute_the_same() -> None:
    plain, left = adapted(), adapted()
    leave_inputs_to_autocast(left)
    seen: dict[str, set[torch.dtype]] = {}
    for name, model in (("plain", plain), ("left", left)):
        for module in model.modules():
            if type(module).__name__ == "ModuleDict" and "default" in module and hasattr(module["default"], "weight"):
                kinds = seen.setdefault(name, set())
                module["default"].register_forward_pre_hook(lambda _, inputs, kinds=kinds: kinds.add(inputs[0].dtype))
    (loss, gradient), (left_loss, left_gradient) = loss_and_gradient(plain, True), loss_and_gradient(left, True)
    assert torch.float32 in seen["plain"], "the control: peft copies"
    assert seen["left"] == {torch.bfloat16}
    assert left_loss == loss
    assert torch.equal(left_gradient, gradient)


def test_without_autocast_adapters_still_get_inputs_that_they_can_multiply() -> None:
    plain, left = adapted(), adapted()
    leave_inputs_to_autocast(left)
    assert loss_and_gradient(left, False)[0] == loss_and_gradient(plain, False)[0]


@pytest.mark.slow
def test_compiled_blocks_give_the_losses_and_gradients_of_plain_ones_at_any_length() -> None:
    plain, compiled = student(), student()
    names = [name for name, _ in compiled.named_parameters()]
    compile_blocks(compiled, ["Qwen2DecoderLayer"])
    assert [name for name, _ in compiled.named_parameters()] == names, "checkpoints and exports keep their names"
    for size in (12, 9, 7):
        for model in (plain, compiled):
            model.zero_grad()
            model(input_ids=IDS[:, :size], labels=IDS[:, :size]).loss.backward()
        for (name, wanted), found in zip(plain.named_parameters(), compiled.parameters(), strict=True):
            torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-4, atol=1e-6, msg=name)
    calls = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert calls > 0, "nothing was compiled"
