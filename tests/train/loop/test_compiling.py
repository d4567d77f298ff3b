"""Compiled blocks train as plain ones do; where nothing can compile them, the training says what is missing."""

from __future__ import annotations

import socket

import pytest
import torch
import torch._inductor.config

from distilray.train.errors import StopTraining
from distilray.train.loop.compiling import check_compiler, compile_blocks
from tests.support.qwen2 import IDS, small_student


@pytest.mark.slow
def test_compiled_blocks_give_the_losses_and_gradients_of_plain_ones_at_any_length() -> None:
    plain, compiled = small_student(), small_student()
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


def test_a_machine_without_a_compiler_is_named_with_the_remedy() -> None:
    host = socket.gethostname()
    message = rf"none on {host} \(looked for no-such-g\+\+; .* or set compile: false for train 'sft'"
    with torch._inductor.config.patch({"cpp.cxx": (None, "no-such-g++")}), pytest.raises(StopTraining, match=message):
        check_compiler("sft")
    check_compiler("sft")
