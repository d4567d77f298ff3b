"""Memory of the loss over a vocabulary of 151,936 tokens: TRL's fused head, which trainings use, against whole logits.

    PYTHONPATH=. .venv/bin/python benchmarks/logits_memory.py

A student of two narrow layers, so that little but the head takes memory; forward and backward over N tokens in a
process of its own for each; resident memory at its peak, less what was resident before. Losses must agree.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.train_memory import ENVIRONMENT, GIB, resident

OUT = Path(__file__).parent / "results" / "logits_memory.json"
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
    if len(sys.argv) == 3:
        print(json.dumps(one(sys.argv[1], int(sys.argv[2]))))
        return
    cases = []
    for tokens in TOKENS:
        found = {}
        for how in ("fused", "whole"):
            command = [sys.executable, __file__, how, str(tokens)]
            env = {**os.environ, **ENVIRONMENT}
            text = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[how] = json.loads(text.splitlines()[-1])
        assert abs(found["fused"]["loss"] - found["whole"]["loss"]) < 1e-4, found
        cases.append({"tokens": tokens, **found})
        print(cases[-1], flush=True)
    command = "PYTHONPATH=. .venv/bin/python benchmarks/logits_memory.py"
    OUT.write_text(json.dumps({"command": command, "vocabulary": VOCABULARY, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
