"""The head: TRL's fused one against whole fp32 logits, and its memory against the plan."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear

from benchmarks.gpu.machine import GIB, fastest, wait
from benchmarks.gpu.stage import Check

LOG_PROBS, GRADIENTS = 0.05, 0.02
"""Largest mean error of log-probabilities (nats), and of gradients (share of their norm), in bf16: a number of bf16 has
three digits, and logits are sums of thousands."""


def head(check: Check) -> None:
    """Values and gradients of log-probabilities of 4,096 positions over 152,064 tokens, hidden size 3,584 (a 7B)."""
    tokens, hidden, vocabulary = check.pick((4096, 3584, 152_064), (64, 32, 4096))
    torch.manual_seed(0)
    states = torch.randn(1, tokens, hidden, device=check.device)
    weight = torch.randn(vocabulary, hidden, device=check.device) / hidden**0.5
    labels = torch.randint(0, vocabulary, (1, tokens), device=check.device)
    model, given = headed(states, weight)

    def once() -> torch.Tensor:
        given.grad = model.lm_head.weight.grad = None
        with torch.autocast(check.device, torch.bfloat16):
            found = model(input_ids=labels, labels=labels, fused_lm_head=True)
        found.log_probs.sum().backward()
        return found.log_probs.detach()

    before = _allocated(check, reset=True)
    values = once()
    peak = _allocated(check) - before
    wait(check)
    seconds = fastest(check, once, tries=3)
    expected, wanted_states, wanted_weight = written_out(states, weight, labels)
    errors = {
        "log_probs": float((values.float() - expected).abs().mean()),
        "gradient_of_states": _relative(given.grad, wanted_states),
        "gradient_of_weight": _relative(model.lm_head.weight.grad, wanted_weight),
    }
    planned = planned_bytes(tokens, hidden, vocabulary, check.device)
    check.report(
        "head", tokens=tokens, hidden=hidden, vocabulary=vocabulary, seconds=round(seconds, 4), errors=errors,
        measured_gib=round(peak / GIB, 3) if check.device == "cuda" else None, planned_gib=round(planned / GIB, 3),
    )  # fmt: skip
    check.expect(errors["log_probs"] < LOG_PROBS, f"log-probabilities are off by {errors['log_probs']:.3f} nats")
    for name in ("gradient_of_states", "gradient_of_weight"):
        check.expect(errors[name] < GRADIENTS, f"{name} is off by {errors[name]:.3f} of its norm")
    if check.device == "cuda":
        check.expect(peak < 1.1 * planned, f"the head takes {peak / GIB:.2f} GiB, the plan says {planned / GIB:.2f}")


def headed(states: torch.Tensor, weight: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """A model that is all head: its body gives ``states``, whose gradient the second result gathers."""
    from transformers import Qwen2Config, Qwen2ForCausalLM
    from transformers.modeling_outputs import BaseModelOutput
    from trl.trainer.utils import add_fused_lm_head

    given = states.clone().requires_grad_()

    def body(*_: Any, **__: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=given)

    with torch.device("meta"):
        model = Qwen2ForCausalLM(
            Qwen2Config(
                hidden_size=states.shape[-1], intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
                num_key_value_heads=1, vocab_size=len(weight), tie_word_embeddings=False,
            )
        )  # fmt: skip
    model.model.forward = body
    model.lm_head.weight = torch.nn.Parameter(weight.clone())
    add_fused_lm_head(model)
    return model, given


def written_out(
    states: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities of the next tokens and both gradients of their sum, in fp32, some positions at a time."""
    torch.backends.cuda.matmul.allow_tf32 = False
    values, of_states, of_weight = [], torch.zeros_like(states[0]), torch.zeros_like(weight)
    for start in range(0, labels.shape[1] - 1, 512):
        here = slice(start, min(start + 512, labels.shape[1] - 1))
        after = labels[0, here.start + 1 : here.stop + 1]
        log_probs = linear(states[0, here], weight).log_softmax(-1)
        values.append(log_probs.gather(1, after[:, None])[:, 0])
        of_logits = -log_probs.exp()
        of_logits[torch.arange(len(after), device=after.device), after] += 1
        of_states[here] = of_logits @ weight
        of_weight += of_logits.T @ states[0, here]
    return torch.cat(values)[None], of_states[None], of_weight


def planned_bytes(tokens: int, hidden: int, vocabulary: int, device: str) -> int:
    """What the plan says of the head of such a student, its weight's gradient included."""
    from distilray.train import SFTSettings, TrainResources, memory_plan

    config = {
        "model_type": "qwen2", "hidden_size": hidden, "intermediate_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": vocabulary, "tie_word_embeddings": False,
    }  # fmt: skip
    settings = SFTSettings(student="s", max_steps=1, max_length=tokens, batch_size=1, micro_batch_size=1)
    return memory_plan(config, settings, TrainResources(gpus_per_worker=device == "cuda")).logits


def _relative(found: torch.Tensor | None, wanted: torch.Tensor) -> float:
    assert found is not None
    return float((found.float() - wanted).norm() / wanted.norm())


def _allocated(check: Check, reset: bool = False) -> int:
    if check.device == "cpu":
        return 0
    if reset:
        torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated() if reset else torch.cuda.max_memory_allocated()
