"""The tokenizer of the practice world: Qwen2's rules over a small vocabulary learned from the prompts and the
world.

Digits stand one by one. It keeps its ids when ``AutoTokenizer`` loads it as a Qwen2 tokenizer, for which the
exact regular expression, NFC, byte level and special tokens *after* the vocabulary are needed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from distilray.practice.examples import ROLES
from distilray.prompts import ANSWER
from distilray.rows import Row

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (END_OF_TEXT, START, END)
THINKING = ("<think>", "</think>")

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|im_start|>assistant\\n' }}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Qwen2's, with the marks that assistant-only loss needs; the end of the turn is inside them, or it is never
learned."""

CONTEXT = 2048
VOCABULARY = 2000


def corpus(examples: int = 6000) -> Iterator[str]:
    """Texts of every role, and the wordings of ANSWER for the tasks that the world does not have."""
    rng = random.Random("tokenizer")
    for _ in range(examples):
        example = ROLES[rng.choice(list(ROLES))](rng, "train")
        yield from (message["content"] for message in example.messages)
        yield example.reply
    for task in ("code generation", "writing", "others"):
        for language in ("en", "zh"):
            row = Row({"id": "", "task": task, "language": language, "messages": []})
            yield from (message["content"] for _ in range(20) for message in ANSWER.messages(row))


def train_tokenizer(out: Path) -> None:
    """Learn the vocabulary and write the tokenizer's files to ``out``."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"), byte_level])
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY - len(SPECIAL) - len(THINKING),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            min_frequency=10,
        ),
    )
    bpe.add_special_tokens(list(SPECIAL))
    bpe.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in THINKING])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=END, pad_token=END_OF_TEXT, model_max_length=CONTEXT
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(out)


@lru_cache(maxsize=4)
def load_tokenizer(path: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(path)


def prompt_ids(tokenizer, messages: list[dict[str, str]]) -> list[int]:
    """The ids that an engine is given for ``messages``, up to where the reply begins."""
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
