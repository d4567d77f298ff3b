"""Checkpoints with random weights, for benchmarks of speed: their replies are noise, their speed is real."""

from __future__ import annotations

from pathlib import Path

from tests.support.checkpoints import byte_tokenizer, random_qwen2, save

SIZES = {
    # 49.3 M parameters, 4.2 M of them tied embeddings
    "50m": {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 16, "num_attention_heads": 8,
            "num_key_value_heads": 2, "vocab_size": 8192},
    # 45.2 M parameters; bytes alone, so that one token in 264 ends a sampled reply
    "45m-bytes": {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 16, "num_attention_heads": 8,
                  "num_key_value_heads": 2, "vocab_size": 264},
    "2m": {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6,
           "num_key_value_heads": 2, "vocab_size": 4096},
    # 0.1 M parameters without the embeddings; small enough for the vocabulary of a real tokenizer. Its weights are so
    # large that even the likeliest next token depends on all tokens before it: varied noise without sampling from
    # 152 k tokens, which on a CPU costs eight times the model
    "64k": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 1, "vocab_size": 4096, "tie_word_embeddings": False, "initializer_range": 0.5},
}  # fmt: skip


def random_model(size: str, path: Path, tokenizer: Path | None = None) -> int:
    """Write a Qwen2 of ``size`` to ``path`` unless it is there; returns its parameters.

    ``tokenizer`` is a folder with one, whose vocabulary the model then has; by default a byte-level one is made.
    """
    import torch
    from transformers import AutoTokenizer, Qwen2ForCausalLM

    if not (path / "config.json").exists():
        taken = AutoTokenizer.from_pretrained(tokenizer) if tokenizer else byte_tokenizer()
        vocabulary = max(SIZES[size]["vocab_size"], -(-len(taken) // 64) * 64)
        shape = {**SIZES[size], "vocab_size": vocabulary, "max_position_embeddings": 2048}
        save(path, random_qwen2(taken, **shape).to(torch.bfloat16), taken)
    return Qwen2ForCausalLM.from_pretrained(path).num_parameters()
