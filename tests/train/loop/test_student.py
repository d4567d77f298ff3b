"""What is done to a student before it is trained: adapters leave rounding to autocast."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from distilray.train.loop.student import leave_inputs_to_autocast
from tests.support.qwen2 import IDS, small_student


def adapted() -> Any:
    model = get_peft_model(small_student(torch.bfloat16), LoraConfig(r=4, target_modules="all-linear"))
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
