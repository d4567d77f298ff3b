"""Training a tiny Qwen2 on examples of the practice world: plain PyTorch, minutes on two CPU cores.

Everything that shares a prompt's constant part is batched together, so that the constant part (a third of the
tokens) is run once a batch and its keys and values are shared, gradients included.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

from distilray.practice.examples import ROLES, Example
from distilray.practice.tokenizer import CONTEXT, END, END_OF_TEXT, START, prompt_ids

PROMPT_WEIGHT = 0.1
"""Of the loss on what varies in a prompt; reading the numbers helps to copy them."""

VERDICT_WEIGHT = 5.0
"""Of the loss on the few tokens on which a verdict hangs: the rating's word, the judge's scores."""

TOKENS_A_BATCH, BATCHES_A_STEP = 1024, 3


@dataclass(frozen=True, slots=True)
class Shape:
    """Heads are 32 wide, the least that vLLM's CPU attention takes; there is one key-value head for two
    heads."""

    hidden: int
    layers: int

    def config(self, tokenizer) -> Qwen2Config:
        heads = self.hidden // 32
        end_of_text, end = tokenizer.convert_tokens_to_ids([END_OF_TEXT, END])
        return Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden,
            intermediate_size=3 * self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=heads,
            num_key_value_heads=max(1, heads // 2),
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.04,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=end_of_text,
        )


def blank_model(shape: Shape, tokenizer, seed: int) -> Qwen2ForCausalLM:
    """Random weights."""
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(shape.config(tokenizer))


@dataclass(frozen=True, slots=True)
class Encoded:
    """``prefix`` is shared by all rows of a prompt; ``weights`` say how much predicting each of ``ids``
    counts."""

    prefix: tuple[int, ...]
    ids: list[int]
    weights: list[float]


def encode(example: Example, tokenizer) -> Encoded:
    prompt = prompt_ids(tokenizer, example.messages)
    start, end = tokenizer.convert_tokens_to_ids([START, END])
    users_turn = [place for place, token in enumerate(prompt) if token == start][-2]
    cut = users_turn + 3  # <|im_start|> user \n
    reply = [*tokenizer(example.reply).input_ids, end]
    weights = [1.0] * len(reply)
    if example.role == "rate_trace":
        weights = [VERDICT_WEIGHT] * len(reply)
    elif example.role == "judge":
        scores = len(reply) - len(tokenizer(example.reply.split('", "accuracy')[1]).input_ids) - 1
        weights[scores:] = [
            VERDICT_WEIGHT if text.isdigit() else 1.0 for text in tokenizer.convert_ids_to_tokens(reply[scores:])
        ]
    ids = prompt[cut:] + reply
    return Encoded(tuple(prompt[:cut]), ids, [PROMPT_WEIGHT] * (len(prompt) - cut) + weights)


def examples(mix: Mapping[str, float], seed: int) -> Iterator[Example]:
    """Endless fresh examples of the training operands; ``mix`` is role to share."""
    rng = random.Random(f"training-{seed}")
    while True:
        role = rng.choices(list(mix), list(mix.values()))[0]
        yield ROLES[role](rng, "train")


def stream(mix: Mapping[str, float], tokenizer, seed: int) -> Iterator[Encoded]:
    """:func:`examples`, encoded."""
    return (encode(example, tokenizer) for example in examples(mix, seed))


def batches(examples: Iterator[Encoded], seed: int) -> Iterator[list[Encoded]]:
    """Batches of one prefix and of similar lengths, about ``TOKENS_A_BATCH`` padded tokens each."""
    rng = random.Random(f"batches-{seed}")
    while True:
        groups: dict[tuple[int, ...], list[Encoded]] = defaultdict(list)
        tokens = 0
        while tokens < 32 * BATCHES_A_STEP * TOKENS_A_BATCH:
            example = next(examples)
            groups[example.prefix].append(example)
            tokens += len(example.ids)
        cut = []
        for group in groups.values():
            group.sort(key=lambda example: len(example.ids))
            batch: list[Encoded] = []
            for example in group:
                if (len(batch) + 1) * len(example.ids) > TOKENS_A_BATCH:
                    cut.append(batch)
                    batch = []
                batch.append(example)
            cut.append(batch)
        rng.shuffle(cut)
        yield from cut


def batch_loss(model: Qwen2ForCausalLM, batch: list[Encoded]) -> tuple[torch.Tensor, float]:
    """The weighted sum of the cross-entropies of a batch, and the sum of the weights."""
    prefix, longest = batch[0].prefix, max(len(example.ids) for example in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    weights = torch.zeros(len(batch), longest)
    for place, example in enumerate(batch):
        ids[place, : len(example.ids)] = torch.tensor(example.ids)
        weights[place, : len(example.ids)] = torch.tensor(example.weights)
    # Padding is on the right and attention is causal: nothing real sees it. The prefix's last token is run
    # with each row, so that the first varying token is predicted too.
    cache = DynamicCache(config=model.config)
    model.model(input_ids=torch.tensor([prefix[:-1]]), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(batch))
    inputs = torch.cat([torch.full((len(batch), 1), prefix[-1]), ids[:, :-1]], 1)
    hidden = model.model(input_ids=inputs, past_key_values=cache, use_cache=True).last_hidden_state
    counted = weights > 0
    losses = F.cross_entropy(model.lm_head(hidden[counted]).float(), ids[counted], reduction="none")
    return (losses * weights[counted]).sum(), float(weights.sum())


def muon(model: Qwen2ForCausalLM, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, norms and biases."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed_tokens" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed_tokens" in name]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, foreach=True),
    ]


def adamw(model: Qwen2ForCausalLM, rate: float) -> list[torch.optim.Optimizer]:
    """What recipes train students with."""
    return [torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)]


def train(
    model: Qwen2ForCausalLM,
    examples: Iterator[Encoded],
    *,
    steps: int,
    rate: float,
    seed: int,
    optimizers: Callable[[Qwen2ForCausalLM, float], list[torch.optim.Optimizer]] = muon,
    every: int = 100,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Fit ``model`` in place; learning rate warms up over 40 steps and falls linearly over the last half.

    ``report(step, mean loss)`` is called after every ``every`` steps. Returns seconds.
    """
    torch.set_flush_denormal(True)
    began, model_batches, losses = time.monotonic(), batches(examples, seed), []
    opts = optimizers(model, rate)
    model.set_attn_implementation("eager")  # for rows this short half as long as the fused kernel on a CPU
    model.train()
    for step in range(1, steps + 1):
        now = rate * min(1.0, step / 40) * min(1.0, max(0.02, 2 * (steps - step) / steps))
        total_loss, total_weight = 0.0, 0.0
        for batch in (next(model_batches) for _ in range(BATCHES_A_STEP)):
            with torch.autocast("cpu", torch.bfloat16):
                loss, weight = batch_loss(model, batch)
            loss.backward()
            total_loss, total_weight = total_loss + loss.item(), total_weight + weight
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad /= total_weight
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in opts:
            for group in optimizer.param_groups:
                group["lr"] = now
            optimizer.step()
            optimizer.zero_grad()
        losses.append(total_loss / total_weight)
        if step % every == 0 or step == steps:
            report(step, sum(losses) / len(losses))
            losses = []
    return time.monotonic() - began
