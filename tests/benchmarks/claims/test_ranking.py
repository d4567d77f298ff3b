"""How a student ranks pairs, against its probabilities token by token."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.claims.ranking import margins, ranking
from distilray.practice.checkpoints import CHECKPOINTS
from distilray.practice.tokenizer import END, prompt_ids
from tests.benchmarks.claims.pairs import PAIRS

TEACHER = str(CHECKPOINTS / "teacher")


def score(model, tokenizer, pair: dict, side: str) -> float:
    """One row at a time, without padding, each token by itself."""
    ids = prompt_ids(tokenizer, pair["messages"])
    total = 0.0
    for token in [*tokenizer(pair[side]).input_ids, tokenizer.convert_tokens_to_ids(END)]:
        with torch.no_grad():
            total += float(model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[token])
        ids = [*ids, token]
    return total


def test_margins_are_sums_over_the_answer_and_its_end():
    tokenizer = AutoTokenizer.from_pretrained(TEACHER)
    model = AutoModelForCausalLM.from_pretrained(TEACHER, dtype=torch.float32).eval()
    expected = [score(model, tokenizer, pair, "chosen") - score(model, tokenizer, pair, "rejected") for pair in PAIRS]
    found = margins(TEACHER, PAIRS)
    assert found == pytest.approx(expected, abs=1e-3)
    assert found[0] > 5 > -5 > found[1]  # the second pair prefers the slip


def test_the_ranking_counts_the_pairs_whose_chosen_answer_is_likelier():
    found = ranking(TEACHER, PAIRS)
    assert found["accuracy"] == 0.5 and found["pairs"] == 2
    assert found["margin"] == pytest.approx(sum(margins(TEACHER, PAIRS)) / 2, abs=1e-3)
