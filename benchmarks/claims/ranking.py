"""How a student ranks pairs: how much more likely the chosen answer is to it than the rejected one, in nats.

    margins("runs/.../final", [{"messages": [...], "chosen": "...", "rejected": "..."}])      # [3.1]

Sums over the answer's tokens and the end of its turn, as DPO compares them; plain PyTorch, seconds for hundreds of
pairs of a tiny student.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.claims.world import Record

BATCH = 64


def ranking(checkpoint: str, pairs: Sequence[Record]) -> dict[str, float]:
    """``accuracy``: the share of pairs whose chosen answer is the likelier one; ``margin``: by how much in the mean."""
    found = margins(checkpoint, pairs)
    right = sum(margin > 0 for margin in found) / len(found)
    return {"accuracy": round(right, 4), "margin": round(statistics.fmean(found), 3), "pairs": len(found)}


def margins(checkpoint: str, pairs: Sequence[Record]) -> list[float]:
    """Log-probability of ``chosen`` less that of ``rejected``, of each pair."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from distilray.checkpoints import local_student

    torch.set_num_threads(1)  # the other core belongs to engines and workers
    path = local_student(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    scores = {side: log_probs(model, tokenizer, pairs, side) for side in ("chosen", "rejected")}
    return [chosen - rejected for chosen, rejected in zip(scores["chosen"], scores["rejected"], strict=True)]


def log_probs(model: Any, tokenizer: Any, pairs: Sequence[Record], side: str) -> list[float]:
    """Log-probability of the answer ``side`` of each pair: all its tokens and the one that ends the turn."""
    import torch

    from distilray.practice.tokenizer import END, prompt_ids

    end = tokenizer.convert_tokens_to_ids(END)
    prompts = [prompt_ids(tokenizer, pair["messages"]) for pair in pairs]
    rows = [[*p, *tokenizer(pair[side]).input_ids, end] for p, pair in zip(prompts, pairs, strict=True)]
    order = sorted(range(len(rows)), key=lambda k: len(rows[k]))
    found = [0.0] * len(rows)
    for first in range(0, len(order), BATCH):
        places = order[first : first + BATCH]
        longest = len(rows[places[-1]])
        ids = torch.tensor([rows[k] + [end] * (longest - len(rows[k])) for k in places])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
        each = logits.gather(2, ids[:, 1:, None])[:, :, 0]
        for k, of_row in zip(places, each, strict=True):
            found[k] = float(of_row[len(prompts[k]) - 1 : len(rows[k]) - 1].sum())
    return found
