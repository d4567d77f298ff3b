"""The tokenizer means the same whoever loads it, and marks what the assistant says."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from distilray.practice.checkpoints import CHECKPOINTS, TOKENIZER_FILES
from distilray.practice.examples import ROLES
from distilray.practice.measurement import held_out
from distilray.practice.tokenizer import END

TEACHER = CHECKPOINTS / "teacher"


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(TEACHER)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    examples = held_out(ROLES, 40)
    return [text for example in examples for text in (example.messages[-1]["content"], example.reply)]


def test_auto_tokenizer_gives_the_ids_of_the_file_itself(tokenizer, texts) -> None:
    plain = PreTrainedTokenizerFast(tokenizer_file=str(TEACHER / "tokenizer.json"))
    assert type(tokenizer) is not type(plain)
    assert [tokenizer(text).input_ids for text in texts] == [plain(text).input_ids for text in texts]


def test_text_survives_the_round_trip(tokenizer, texts) -> None:
    texts = [*texts, "<think>\n482+379\n</think>\n\nanswer: 861", "Ünïcode 🙂 kept"]
    assert [tokenizer.decode(tokenizer(text).input_ids) for text in texts] == texts


def test_digits_stand_one_by_one(tokenizer) -> None:
    assert len(tokenizer("4823791").input_ids) == 7


def test_thinking_marks_are_one_token_each(tokenizer) -> None:
    assert len(tokenizer("<think></think>").input_ids) == 2


def test_the_assistants_mask_covers_the_reply_and_its_end(tokenizer) -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "482+379?"},
        {"role": "assistant", "content": "answer: 861"},
    ]
    rendered = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    said = [
        i for i, by_assistant in zip(rendered["input_ids"], rendered["assistant_masks"], strict=True) if by_assistant
    ]
    assert tokenizer.decode(said) == f"answer: 861{END}"


@pytest.mark.parametrize("role", ["judge", "student_blank", "student_warm", "student_converged"])
def test_every_model_of_the_world_has_the_same_tokenizer(role: str) -> None:
    for file in TOKENIZER_FILES:
        assert (CHECKPOINTS / role / file).read_bytes() == (TEACHER / file).read_bytes()
