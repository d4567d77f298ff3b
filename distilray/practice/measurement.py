"""How good a model of the practice world is on operands it never saw: greedy replies compared with the truth."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

import torch
from transformers import Qwen2ForCausalLM

from distilray.practice.examples import ROLES, Example, is_right
from distilray.practice.tokenizer import END, END_OF_TEXT, prompt_ids


def held_out(roles: Iterable[str], rows: int, seed: int = 999) -> list[Example]:
    """``rows`` examples of each role."""
    rng = random.Random(f"held-out-{seed}")
    return [ROLES[role](rng, "held_out") for role in roles for _ in range(rows)]


@torch.no_grad()
def greedy(
    model: Qwen2ForCausalLM, tokenizer, conversations: list[list[dict[str, str]]], *, max_tokens: int = 160
) -> list[list[int]]:
    """The ids of each greedy reply, without the end of turn; batches of 128, of similar lengths."""
    end, pad = tokenizer.convert_tokens_to_ids([END, END_OF_TEXT])
    prompts = [prompt_ids(tokenizer, messages) for messages in conversations]
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    replies: list[list[int]] = [[] for _ in prompts]
    model.eval()
    for first in range(0, len(order), 128):
        places = order[first : first + 128]
        longest = max(len(prompts[place]) for place in places)
        ids = torch.tensor([[pad] * (longest - len(prompts[place])) + prompts[place] for place in places])
        produced = model.generate(  # pyright: ignore[reportAttributeAccessIssue]
            input_ids=ids,
            attention_mask=(ids != pad).long(),
            max_new_tokens=max_tokens,
            do_sample=False,
            eos_token_id=end,
            pad_token_id=pad,
        )
        for place, reply in zip(places, produced[:, longest:].tolist(), strict=True):
            replies[place] = reply[: reply.index(end)] if end in reply else reply
    return replies


def figures(examples: list[Example], replies: list[str]) -> dict[str, float]:
    """Accuracy by role, and by the cases within a role: ``{"judge": .96, "judge/wrong": .94, ...}``."""
    verdicts: dict[str, list[bool]] = defaultdict(list)
    for example, reply in zip(examples, replies, strict=True):
        right = is_right(example, reply)
        problem = example.problem
        names = [example.role, f"{example.role}/{problem.language}{problem.operation}"]
        if example.role == "judge" and example.trace:
            names.append(f"judge/{'right' if example.trace.right else 'wrong'}")
            verdicts["judge/exact"].append(reply == example.reply)
        if example.role == "rate_trace":
            names.append(f"rate_trace/{example.reply}")
        for name in names:
            verdicts[name].append(right)
    return {name: round(sum(found) / len(found), 4) for name, found in verdicts.items()}


def measure_model(model: Qwen2ForCausalLM, tokenizer, roles: Iterable[str], rows: int = 400) -> dict[str, float]:
    """:func:`figures` for ``rows`` held-out examples of each role, and the mean reply tokens of each role."""
    examples = held_out(roles, rows)
    ids = greedy(model, tokenizer, [example.messages for example in examples])
    found = figures(examples, tokenizer.batch_decode(ids))
    lengths: dict[str, list[int]] = defaultdict(list)
    for example, reply in zip(examples, ids, strict=True):
        lengths[example.role].append(len(reply) + 1)
    return found | {f"{role}/tokens": round(sum(n) / len(n), 1) for role, n in lengths.items()}
