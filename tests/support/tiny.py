"""A tiny student and rows for it, made here: random weights, a tokenizer trained on the rows' words."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from distilray.ledger import UnitCounts, UnitInput, write_unit
from distilray.rows import CORE
from distilray.storage import Store

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n"
    "{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITHOUT_STOP = TEMPLATE.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")
WITHOUT_MARKS = TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")


def rows(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Sums with their column steps written out, of different lengths."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        terms = [dice.randrange(1, 10 ** dice.randrange(1, 4)) for _ in range(dice.randrange(2, 6))]
        sums = [sum(terms[: k + 1]) for k in range(len(terms))]
        steps = ". ".join(f"{a} plus {b} is {c}" for a, b, c in zip(sums, terms[1:], sums[1:], strict=False))
        made.append(
            {
                "id": f"tiny:{number}",
                "messages": [{"role": "user", "content": "What is " + " plus ".join(map(str, terms)) + "?"}],
                "reasoning": f"add from left to right: {steps}",
                "answer": f"{steps}. The answer is {sums[-1]}",
                "outcome": "kept",
            }
        )
    return made


def write_units(store: Store, made: list[dict[str, Any]], *, size: int = 64) -> list[UnitInput]:
    """``made`` as unit files of a phase."""
    inputs = []
    for start in range(0, len(made), size):
        path = f"steps/01-answer/unit-{start // size:06d}.parquet"
        write_unit(store, path, pa.Table.from_pylist(made[start : start + size], CORE), CORE, UnitCounts())
        inputs.append(UnitInput(path))
    return inputs


def make_student(folder: Path, *, template: str | None = TEMPLATE, hidden: int = 64, layers: int = 2) -> str:
    """A random Qwen2 of about 0.1 M parameters with its tokenizer, saved to ``folder``."""
    import torch
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    tokenizer = make_tokenizer(template)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=1024, tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def make_tokenizer(template: str | None = TEMPLATE) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2TokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT), "isolated"), byte_level])
    bpe.decoder = decoders.ByteLevel()
    texts = [row["messages"][0]["content"] + "\n" + row["answer"] + row["reasoning"] for row in rows(200, seed=9)]
    texts += ["system user assistant <think> </think> You add numbers."]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    bpe.add_special_tokens([AddedToken(name, special=True) for name in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    tokenizer = Qwen2TokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = template
    return tokenizer
