"""Checkpoints with random weights, for benchmarks of speed: their replies are noise, their speed is real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

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
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    if not (path / "config.json").exists():
        taken = AutoTokenizer.from_pretrained(tokenizer) if tokenizer else byte_tokenizer()
        torch.manual_seed(0)
        settings = {"tie_word_embeddings": True, **SIZES[size]}
        config = Qwen2Config(
            **{**settings, "vocab_size": max(settings["vocab_size"], -(-len(taken) // 64) * 64)},
            max_position_embeddings=2048,
            eos_token_id=taken.eos_token_id,
            pad_token_id=taken.pad_token_id,
            bos_token_id=None,
        )
        Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
        taken.save_pretrained(path)
    return Qwen2ForCausalLM.from_pretrained(path).num_parameters()


def byte_tokenizer() -> Any:
    """Bytes alone, and the marks of the chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    byte_level = Tokenizer(models.BPE())
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    byte_level.train_from_iterator([""], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet))
    byte_level.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHAT_TEMPLATE
    )
