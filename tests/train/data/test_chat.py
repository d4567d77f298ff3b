from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.checkpoints import NotACheckpoint
from distilray.train import CannotTrain, SFTSettings
from distilray.train.data.chat import ChatFormat, Rendered, load_chat
from distilray.train.data.turns import Misrendered
from distilray.train.settings import IGNORED
from tests.support.checkpoints import TEMPLATE, WITHOUT_MARKS, WITHOUT_STOP, make_tokenizer

ASK = [{"role": "user", "content": "What is 2 plus 3?"}]


def settings(**changes: object) -> SFTSettings:
    return SFTSettings.model_validate({"student": "tiny", "epochs": 1, **changes})


def trained_text(chat: ChatFormat, rendered: Rendered) -> str:
    return chat.tokenizer.decode([label for label in rendered.labels if label != IGNORED])


def tokenizer_in(folder: Path, template: str | None) -> str:
    make_tokenizer(template).save_pretrained(folder)
    return str(folder)


def test_the_answer_and_its_stop_token_are_trained_and_nothing_else(student: str) -> None:
    chat = load_chat(student, settings())
    rendered = chat.render(ASK, "It is 5", None)
    assert trained_text(chat, rendered) == "It is 5<|im_end|>"
    assert all(label in (IGNORED, token) for token, label in zip(rendered.input_ids, rendered.labels, strict=True))


def test_the_prompt_is_what_the_student_is_asked_with_later(student: str) -> None:
    chat = load_chat(student, settings(system="You add numbers."))
    rendered = chat.render(ASK, "It is 5", None)
    asked = chat.tokenizer.apply_chat_template(
        [{"role": "system", "content": "You add numbers."}, *ASK], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert rendered.input_ids[: len(asked)] == asked
    assert rendered.labels[: len(asked)] == [IGNORED] * len(asked)


def test_the_students_system_prompt_replaces_the_one_in_the_row(student: str) -> None:
    chat = load_chat(student, settings(system="You add numbers."))
    rendered = chat.render([{"role": "system", "content": "user"}, *ASK], "5", None)
    text = chat.tokenizer.decode(rendered.input_ids)
    assert text.count("<|im_start|>system") == 1
    assert "You add numbers." in text


def test_reasoning_comes_before_the_answer_only_where_it_is_wanted(student: str) -> None:
    thinking, plain = load_chat(student, settings(think=True)), load_chat(student, settings())
    assert trained_text(thinking, thinking.render(ASK, "5", "2 plus 3")) == "<think>\n2 plus 3\n</think>\n\n5<|im_end|>"
    assert trained_text(plain, plain.render(ASK, "5", "2 plus 3")) == "5<|im_end|>"


def test_loss_on_the_answer_leaves_earlier_turns_of_the_assistant_alone(student: str) -> None:
    talk = [*ASK, {"role": "assistant", "content": "It is 5"}, {"role": "user", "content": "plus 4?"}]
    every, last = load_chat(student, settings()), load_chat(student, settings(loss_on="answer"))
    assert trained_text(every, every.render(talk, "It is 9", None)) == "It is 5<|im_end|>It is 9<|im_end|>"
    assert trained_text(last, last.render(talk, "It is 9", None)) == "It is 9<|im_end|>"


def test_the_hash_changes_with_template_system_prompt_and_form_of_answers(student: str, tmp_path: Path) -> None:
    other = tokenizer_in(tmp_path, TEMPLATE.replace("<|im_start|>{{ m.role }}\n", "<|im_start|>{{ m.role }}: \n"))
    hashes = {load_chat(student, settings(**changes)).hash for changes in ({}, {"system": "You add."}, {"think": True})}
    assert len(hashes) == 3
    with pytest.raises(
        CannotTrain, match="renders a prompt differently"
    ):  # asked "assistant\n", trained "assistant: \n"
        load_chat(other, settings())


def test_a_template_without_generation_marks_trains_the_same_tokens(student: str, tmp_path: Path) -> None:
    talk = [*ASK, {"role": "assistant", "content": "It is 5"}, {"role": "user", "content": "plus 4?"}]
    plain, marked = load_chat(tokenizer_in(tmp_path, WITHOUT_MARKS), settings()), load_chat(student, settings())
    texts = {trained_text(chat, chat.render(talk, "It is 9", None)) for chat in (plain, marked)}
    assert texts == {"It is 5<|im_end|>It is 9<|im_end|>"}


def test_marks_inside_a_turn_narrow_down_what_is_trained(tmp_path: Path) -> None:
    marked = TEMPLATE.replace("{% generation %}{{ m.content }}", "Answer: {% generation %}{{ m.content }}")
    chat = load_chat(tokenizer_in(tmp_path, marked), settings())
    rendered = chat.render(ASK, "It is 5", None)
    assert trained_text(chat, rendered).strip() == "It is 5<|im_end|>"
    assert not chat.whole_answers
    assert chat.tokenizer.decode(rendered.input_ids[rendered.start : rendered.stop]) == "Answer: It is 5<|im_end|>"


def test_an_answer_with_the_stop_token_inside_is_refused(student: str) -> None:
    with pytest.raises(Misrendered, match="contains the token that ends it"):
        load_chat(student, settings()).render(ASK, "It is<|im_end|> 5", None)


def test_a_template_that_ends_no_turn_with_a_token_is_refused(tmp_path: Path) -> None:
    template = WITHOUT_MARKS.replace("{{ m.content }}<|im_end|>\n", "{{ m.content }}\n\n").replace("<|im_start|>", "# ")
    with pytest.raises(CannotTrain, match="no special token begins, so the student would never stop"):
        load_chat(tokenizer_in(tmp_path, template), settings())


def test_a_system_prompt_that_the_template_refuses_is_named(tmp_path: Path) -> None:
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    path = tokenizer_in(tmp_path, refusing)
    with pytest.raises(CannotTrain, match=r"'You add\.': no system role.*leave `system` out"):
        load_chat(path, settings(system="You add."))


def test_variables_of_the_template_are_those_that_the_student_is_asked_with(tmp_path: Path) -> None:
    closed = "{% if quiet %}<think>\n\n</think>\n\n{% endif %}"
    template = TEMPLATE.replace("{% generation %}", closed + "{% generation %}").replace(
        "assistant\n{% endif %}", "assistant\n" + closed + "{% endif %}"
    )
    path = tokenizer_in(tmp_path, template)
    quiet, loud = load_chat(path, settings(), {"quiet": True}), load_chat(path, settings())
    assert quiet.tokenizer.decode(quiet.render(ASK, "5", None).input_ids).count("</think>") == 1
    assert "think" not in loud.tokenizer.decode(loud.render(ASK, "5", None).input_ids)
    assert quiet.hash != loud.hash


def test_a_template_that_does_not_train_the_stop_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotTrain, match=r"would never stop; move .*endgeneration"):
        load_chat(tokenizer_in(tmp_path, WITHOUT_STOP), settings())


def test_a_tokenizer_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotTrain, match="no chat template"):
        load_chat(tokenizer_in(tmp_path, None), settings())


def test_a_tokenizer_without_a_pad_token_is_refused(tmp_path: Path) -> None:
    path = tokenizer_in(tmp_path, TEMPLATE)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config["pad_token"] = None
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(NotACheckpoint, match="no pad token"):
        load_chat(path, settings())
