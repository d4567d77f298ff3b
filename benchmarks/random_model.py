"""Checkpoints with random weights, for benchmarks of speed: what they say is babble, how fast they say it is real."""

from __future__ import annotations

from pathlib import Path

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

SIZES = {
    # 49.3 M parameters, 4.2 M of them tied embeddings
    "50m": {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 16, "num_attention_heads": 8,
            "num_key_value_heads": 2, "vocab_size": 8192},
    "2m": {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6,
           "num_key_value_heads": 2, "vocab_size": 4096},
}  # fmt: skip


def random_model(size: str, path: Path) -> int:
    """Write a Qwen2 of ``size`` with a byte-level tokenizer to ``path`` unless it is there; returns its parameters."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    if not (path / "config.json").exists():
        byte_level = Tokenizer(models.BPE())
        byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        byte_level.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        byte_level.train_from_iterator([""], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet))
        byte_level.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=byte_level, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHAT_TEMPLATE
        )
        torch.manual_seed(0)
        config = Qwen2Config(
            **SIZES[size],
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
        )
        Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
        tokenizer.save_pretrained(path)
    return Qwen2ForCausalLM.from_pretrained(path).num_parameters()
