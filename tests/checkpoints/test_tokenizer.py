"""Finding and loading the tokenizer of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.checkpoints import NotACheckpoint, check_tokenizer, load_tokenizer


def test_a_directory_without_a_tokenizer_is_refused_with_the_files_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(NotACheckpoint, match=r"no tokenizer \(tokenizer\.json or tokenizer\.model or .*vocab\.txt"):
        check_tokenizer(str(tmp_path))
    (tmp_path / "vocab.txt").write_text("[PAD]")
    check_tokenizer(str(tmp_path))


def test_what_is_not_on_this_machine_is_left_to_where_it_is_used() -> None:
    check_tokenizer("Qwen/Qwen2.5-0.5B-Instruct")
    check_tokenizer("s3://bucket/student")


def test_a_tokenizer_that_cannot_pad_will_do_for_counting(tiny_model: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path), pads=False)("a")["input_ids"]
    with pytest.raises(NotACheckpoint, match="no pad token"):
        load_tokenizer(str(tmp_path))
