"""Tiny checkpoints with random weights, always of the same bytes; for tests and benchmarks that load a model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from distilray.checkpoints import resolve_path
from tests.support.tiny import rows

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
BYTE_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ROLES = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
PRACTICE_TOKENIZER = "package://distilray.practice/checkpoints/student_blank"


def make_student(folder: Path, *, template: str | None = TEMPLATE, hidden: int = 64, layers: int = 2) -> str:
    """A Qwen2 of about 0.1 M parameters with the tokenizer of ``make_tokenizer``, saved to ``folder``."""
    from transformers import GenerationConfig

    tokenizer = make_tokenizer(template)
    model = random_qwen2(
        tokenizer, vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden,
        num_hidden_layers=layers, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=1024,
    )  # fmt: skip
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return save(folder, model, tokenizer)


def make_byte_model(folder: Path, *, heads: int = 2) -> str:
    """A Qwen2 of 0.1 M parameters with a byte-level tokenizer that vLLM loads in fp32, saved to ``folder``."""
    tokenizer = byte_tokenizer()
    model = random_qwen2(
        tokenizer, vocab_size=320, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=heads,  # with 2 they have 32 dimensions, the fewest that vLLM takes on CPU
        num_key_value_heads=1, max_position_embeddings=1024,
        initializer_range=0.2,  # the default makes every next token about as likely as any other
    )  # fmt: skip
    return save(folder, model, tokenizer)


def make_encoder(folder: Path, *, hidden: int = 48, layers: int = 2) -> str:
    """A BERT of about 0.2 M parameters without a head, with the practice world's tokenizer, saved to ``folder``."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    source = Path(resolve_path(PRACTICE_TOKENIZER))
    tokenizer = AutoTokenizer.from_pretrained(source)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
        num_attention_heads=2, max_position_embeddings=160, pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder)
    return str(folder)


def random_qwen2(tokenizer: Any, **shape: Any) -> Any:
    """A Qwen2 with the special tokens of ``tokenizer``; the same ``shape`` gives the same weights."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = Qwen2Config(**{"tie_word_embeddings": True, **special, **shape})
    torch.manual_seed(0)
    return Qwen2ForCausalLM(config)


def save(folder: Path, model: Any, tokenizer: Any) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def copy_of(model: str, to: Path) -> Path:
    """A checkpoint that a test may damage."""
    to.mkdir()
    for file in Path(model).iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def make_tokenizer(template: str | None = TEMPLATE) -> Any:
    """A tokenizer trained on the words of ``tiny.rows``."""
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
    bpe.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    tokenizer = Qwen2TokenizerFast(tokenizer_object=bpe, **ROLES)
    tokenizer.chat_template = template
    return tokenizer


def byte_tokenizer() -> Any:
    """Bytes alone, and the marks of its chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator([""], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet))
    bpe.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(tokenizer_object=bpe, chat_template=BYTE_TEMPLATE, **ROLES)
