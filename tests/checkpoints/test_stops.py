from __future__ import annotations

import json
from pathlib import Path

from transformers import AutoTokenizer, GenerationConfig

from distilray.checkpoints import declare_stop, declared_stops
from tests.support.checkpoints import copy_of
from tests.support.templates import FAMILIES, real_tokenizer


def test_a_base_checkpoint_declares_a_stop_token_that_it_was_taught(tmp_path: Path) -> None:
    folder = real_tokenizer(tmp_path / "base", FAMILIES["qwen2.5-base"])
    assert declared_stops(folder).declared == {"<|endoftext|>"}
    before = AutoTokenizer.from_pretrained(folder)
    declare_stop(folder, "<|im_end|>", 151645)
    after = AutoTokenizer.from_pretrained(folder)
    assert (after.eos_token_id, after.pad_token_id) == (151645, before.pad_token_id)
    assert after.encode("<|im_start|>user\nA b 12<|im_end|>") == before.encode("<|im_start|>user\nA b 12<|im_end|>")
    assert after.chat_template == before.chat_template
    assert GenerationConfig.from_pretrained(folder).eos_token_id == 151645
    assert declared_stops(folder).declared == {"<|im_end|>"}


def test_tokens_that_ended_a_reply_before_still_do(student: str, tmp_path: Path) -> None:
    folder = copy_of(student, tmp_path / "s")
    (old,) = (json.loads((folder / "generation_config.json").read_text())["eos_token_id"],)
    declare_stop(folder, "<|endoftext|>", old - 2)
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [old - 2, old]
