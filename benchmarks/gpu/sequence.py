"""Sequence-parallel attention with a group of one, and a classifier whose batch does not fit."""

from __future__ import annotations

import tempfile
from typing import Any

import torch

from benchmarks.gpu.ranks import one_rank
from benchmarks.gpu.shapes import TINY
from benchmarks.gpu.stage import Check

ALIKE = 1e-3
"""Largest relative difference of losses and gradients between ours and PyTorch's attention, in fp32."""


def sequence(check: Check) -> None:
    """The all-to-all over NCCL and the attention between: losses and gradients are those of ordinary attention."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from distilray.train.distributed.sequence import sequence_group, split_attention

    torch.manual_seed(0)
    with torch.device(check.device):
        model = Qwen2ForCausalLM(Qwen2Config(**TINY))
    ids = torch.randint(0, TINY["vocab_size"], (2, check.pick(2048, 32)), device=check.device)

    def once() -> tuple[float, torch.Tensor]:
        model.zero_grad()
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        return float(loss), torch.cat(
            [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
        )

    wanted_loss, wanted = once()
    with one_rank(check.device):
        split_attention(model, sequence_group(1))
        loss, gradient = once()
    off = {"loss": abs(loss / wanted_loss - 1), "gradient": float((gradient - wanted).norm() / wanted.norm())}
    check.report("sequence parallel", tokens=ids.shape[1], relative_differences=off)
    for name, value in off.items():
        check.expect(value < ALIKE, f"sequence-parallel attention: {name} differs by {value:.1e}")


def halving(check: Check) -> None:
    """A classifier gets a batch that does not fit beside what else is on the GPU: it halves it and answers all."""
    from distilray.models import ClassifierModel
    from distilray.models.engines.classifier import ClassifierEngine

    if check.device == "cpu":
        check.report("halving", ran=False, why="memory is short on GPUs alone")
        return
    with tempfile.TemporaryDirectory() as folder:
        classifier(folder)
        torch.cuda.set_per_process_memory_fraction(4 * 2**30 / torch.cuda.get_device_properties(0).total_memory)
        engine = ClassifierEngine("check", ClassifierModel(path=folder, gpus=1, dtype="bfloat16"))
        check.expect(engine._failure is None, f"a classifier does not start: {engine._failure}")
        torch.cuda.reset_peak_memory_stats()
        rows = [[7] * 8000 for _ in range(512)]
        answered = engine._log_probs(rows)
    check.report("halving", ran=True, rows=len(rows), answered=len(answered))
    check.expect(len(answered) == len(rows), f"{len(answered)} of {len(rows)} rows were answered")


def classifier(folder: str) -> None:
    """A random classifier of two labels with a tokenizer, saved to ``folder``."""
    from transformers import Qwen2Config, Qwen2ForSequenceClassification

    from tests.support.checkpoints import make_tokenizer

    tokenizer: Any = make_tokenizer()
    config = Qwen2Config(**{**TINY, "num_labels": 2, "pad_token_id": tokenizer.pad_token_id})
    Qwen2ForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
