"""Every training method that renders conversations, under the templates that people have: what is trained is what is
sampled later, or the plan says why not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from distilray.checkpoints import load_tokenizer
from distilray.rows import join_reasoning, schema_with
from distilray.train import CannotTrain, TrainSettings, method_named, parse_settings
from distilray.train.data.chat import ChatFormat, chat_format
from distilray.train.data.probe import check_chat
from distilray.train.data.template import read_template
from distilray.train.data.tokens import tokenize_rows
from distilray.train.methods.distill.sampling import answer_start
from distilray.train.methods.step_by_step.targets import RATIONALE
from distilray.train.settings import IGNORED
from tests.support.templates import FAMILIES, Family, real_tokenizer

ASK = {"role": "user", "content": "What is 2 plus 3?"}
TALK = [ASK, {"role": "assistant", "content": "It is 5."}, {"role": "user", "content": "And 4 more?"}]
TRACE, ANSWER, WRONG = "5 and 4 make 9.", "It is 9:\n\n- nine", "It is 8."
DISTILL = {"kind": "distill", "teacher": "t"}
METHODS: dict[str, dict[str, Any]] = {
    "sft": {"kind": "sft"},
    "dpo": {"kind": "dpo"},
    "cogpo": {"kind": "dpo", "row_beta": True},
    "dpkd": {"kind": "dpo", "reference": "t", "loss": {"sigmoid_norm": 1.0}},
    "distill-stored": DISTILL,
    "distill-live": {**DISTILL, "source": "live", "top_k": None},
    "distill-on-policy": {**DISTILL, "on_policy": {"rounds": 2}, "max_steps": 4, "epochs": None},
    "step-by-step": {"kind": "step_by_step"},
}
SCHEMA = schema_with({"beta": "float"})


def settings_of(method: str, **changes: Any) -> TrainSettings:
    return parse_settings({"student": "s", "epochs": 1, "max_length": 512, **METHODS[method], **changes})


def row(messages: list[dict[str, str]], number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}", "messages": messages, "answer": ANSWER, "reasoning": TRACE, "rejected_answer": None,
        "beta": None, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The folder of a family's tokenizer, made once."""

    @cache
    def made(name: str) -> str:
        return str(real_tokenizer(Path(tmp_path_factory.mktemp("families")) / name, FAMILIES[name]))

    return made


@pytest.fixture(scope="module")
def chat_of(checkpoint: Callable[[str], str]) -> Callable[..., ChatFormat]:
    tokenizer_of = cache(lambda name: load_tokenizer(checkpoint(name)))

    @cache
    def made(name: str, think: bool, every: bool) -> ChatFormat:
        settings = settings_of("sft", think=think, loss_on="assistant" if every else "answer")
        return chat_format(checkpoint(name), tokenizer_of(name), settings, FAMILIES[name].variables)

    return made


def asked_with(chat: ChatFormat, family: Family, messages: list[dict[str, str]]) -> list[int]:
    """What an engine's prompt is."""
    asked = chat.tokenizer.apply_chat_template(messages, add_generation_prompt=True, **family.variables)
    return list(asked["input_ids"])


def expected(family: Family, think: bool, answer: str = ANSWER) -> str:
    form = family.thinking if think else family.plain
    assert form is not None
    return form.format(trace=TRACE, answer=answer) + family.end


@pytest.mark.parametrize("messages", [[ASK], TALK], ids=["one turn", "several turns"])
@pytest.mark.parametrize("think", [False, True], ids=["plain", "trace"])
@pytest.mark.parametrize("name", FAMILIES)
def test_an_answer_is_trained_as_it_is_sampled(
    chat_of: Callable[..., ChatFormat], checkpoint: Callable[[str], str], name: str, think: bool, messages: list
) -> None:
    family = FAMILIES[name]
    if (family.thinking if think else family.plain) is None:
        settings = settings_of("dpo", think=think)
        with pytest.raises(CannotTrain, match=r"template.*(Set think: true|make the template the same)") as planned:
            check_chat(checkpoint(name), settings, family.variables)
        with pytest.raises(CannotTrain) as loaded:
            chat_of(name, think, False)
        assert str(planned.value) == str(loaded.value)
        return
    chat = chat_of(name, think, False)
    rendered = chat.render(messages, ANSWER, TRACE)
    prompt = asked_with(chat, family, messages)
    assert rendered.input_ids[: rendered.start] == prompt
    assert chat.tokenizer.decode(rendered.input_ids[rendered.start : rendered.stop]) == expected(family, think)
    answer = range(rendered.start, rendered.stop)
    assert [k for k, label in enumerate(rendered.labels) if label != IGNORED] == list(answer)
    assert rendered.labels[rendered.stop - 1] == chat.stop_id
    assert chat.tokenizer.convert_ids_to_tokens(chat.stop_id) == family.end
    assert rendered.labels[rendered.start : rendered.stop] == rendered.input_ids[rendered.start : rendered.stop]


@pytest.mark.parametrize("name", FAMILIES)
def test_earlier_turns_are_trained_as_they_were_sampled_or_refused(
    chat_of: Callable[..., ChatFormat], checkpoint: Callable[[str], str], name: str
) -> None:
    family = FAMILIES[name]
    think = family.plain is None
    if not family.keeps:
        settings = settings_of("sft", think=think)
        with pytest.raises(CannotTrain, match=r"renders turn 2.*It is 5\..*Set loss_on: answer"):
            check_chat(checkpoint(name), settings, family.variables)
        return
    chat = chat_of(name, think, True)
    rendered = chat.render(TALK, ANSWER, TRACE)
    first = asked_with(chat, family, TALK[:1])
    spoken = chat.tokenizer.encode(expected(family, think, "It is 5."), add_special_tokens=False)
    places = [*range(len(first), len(first) + len(spoken)), *range(rendered.start, rendered.stop)]
    assert rendered.input_ids[: len(first)] == first
    assert rendered.input_ids[len(first) : len(first) + len(spoken)] == spoken
    assert [k for k, label in enumerate(rendered.labels) if label != IGNORED] == places


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_method_keeps_every_row_of_a_student_that_the_plan_takes(
    chat_of: Callable[..., ChatFormat], checkpoint: Callable[[str], str], name: str, method: str
) -> None:
    family = FAMILIES[name]
    think = family.plain is None
    if think and method == "step-by-step":  # a label is asked for without reasoning
        with pytest.raises(CannotTrain, match="this training has no reasoning to go on with"):
            check_chat(checkpoint(name), settings_of(method), family.variables)
        return
    changes = {"think": True} if think else {}
    every = family.keeps and method not in ("dpo", "cogpo", "dpkd", "step-by-step")
    if not (every or method in ("dpo", "cogpo", "dpkd", "step-by-step")):
        changes["loss_on"] = "answer"
    settings = settings_of(method, **changes)
    chat = chat_of(name, think, every)
    wrong = join_reasoning(TRACE, WRONG) if think else WRONG
    pairs = {"rejected_answer": wrong, "beta": 0.2} if method in ("dpo", "cogpo", "dpkd") else {}
    rows = [row([ASK], 0, **pairs), row(TALK, 1, **pairs)]
    out, counts = tokenize_rows(pa.Table.from_pylist(rows, SCHEMA), method_named(settings.kind), chat, settings)
    assert (counts.kept, counts.reasons) == (2, {})
    decode = chat.tokenizer.decode
    for made, messages in zip(out.to_pylist(), ([ASK], TALK), strict=True):
        prompt, answer = asked_with(chat, family, messages), expected(family, think)
        if pairs:
            assert made["prompt_ids"] == prompt
            assert (decode(made["chosen_ids"]), made["chosen_ids"][-1]) == (answer, chat.stop_id)
            assert (decode(made["rejected_ids"]), made["rejected_ids"][-1]) == (
                expected(family, think, WRONG), chat.stop_id,
            )  # fmt: skip
            continue
        end = made["targets"].index(RATIONALE) if "targets" in made else None
        labels = made["labels"][:end]
        assert made["input_ids"][:end][: answer_start(labels)] == prompt
        assert decode([label for label in labels if label != IGNORED]).endswith(answer)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_plan_reads_the_same_template_from_files(
    chat_of: Callable[..., ChatFormat], checkpoint: Callable[[str], str], name: str
) -> None:
    family, folder = FAMILIES[name], checkpoint(name)
    think = family.plain is None
    chat = chat_of(name, think, False)
    template = read_template(Path(folder), family.variables)
    assert template is not None
    opening = [{"role": "system", "content": "You add numbers."}] if family.system else []
    for turns in ([*opening, ASK], [*opening, *TALK], [*opening, *TALK, {"role": "assistant", "content": ANSWER}]):
        for ask in (True, False):
            assert template.render(turns, ask) == chat.turns.render(turns, ask)
    settings = settings_of("dpo", think=think)
    assert check_chat(folder, settings, family.variables) == chat.ends


def test_a_base_students_stop_token_is_not_declared_and_an_instruct_students_is(
    checkpoint: Callable[[str], str],
) -> None:
    found = {
        name: check_chat(checkpoint(name), settings_of("dpo"), {})
        for name in ("qwen2.5-base", "qwen2.5-instruct", "gemma")
    }
    assert {name: ends.declared for name, ends in found.items() if ends} == {
        "qwen2.5-base": False, "qwen2.5-instruct": True, "gemma": True,
    }  # fmt: skip
