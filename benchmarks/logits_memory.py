"""Memory of the loss over a vocabulary of 151,936 tokens: TRL's fused head, which trainings use, against whole logits.

    python -m benchmarks.logits_memory

A student of two narrow layers, so that little but the head takes memory; forward and backward over N tokens in a
process of its own for each; resident memory at its peak, less what was resident before. Losses must agree.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.random_training import GIB, resident
from benchmarks.train_memory import ENVIRONMENT

TOKENS = (256, 512, 1024)
VOCABULARY = 151936


def one(how: str, tokens: int) -> dict[str, float]:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        vocab_size=VOCABULARY, tie_word_embeddings=True,
    )  # fmt: skip
    model, ids = Qwen2ForCausalLM(config), torch.randint(0, VOCABULARY, (1, tokens))
    words = {}
    if how == "fused":
        add_fused_lm_head(model)
        words = {"fused_lm_head": True}
    model(input_ids=ids[:, :8], labels=ids[:, :8], **words).loss.backward()  # libraries and gradients are there
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    loss = model(input_ids=ids, labels=ids, **words).loss
    loss.backward()
    return {"loss": round(loss.item(), 6), "peak_gib": round((resident("VmHWM") - before) / GIB, 3)}


def main() -> None:
    parser = record.command_line(__doc__, "logits_memory.json")
    parser.add_argument("--tokens", type=int, nargs="+", default=list(TOKENS))
    parser.add_argument("--one", choices=("fused", "whole"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.tokens[0])))
        return
    cases: list[dict[str, Any]] = []
    for tokens in options.tokens:
        found = {
            how: record.apart("benchmarks.logits_memory", "--one", how, "--tokens", str(tokens), env=ENVIRONMENT)
            for how in ("fused", "whole")
        }
        assert abs(found["fused"]["loss"] - found["whole"]["loss"]) < 1e-4, found
        cases.append({"tokens": tokens, **found})
        print(cases[-1], flush=True)
    record.write(options.out, {"vocabulary": VOCABULARY, "cases": cases})


if __name__ == "__main__":
    main()
