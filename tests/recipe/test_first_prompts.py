"""The first prompt that a row of each source of each shipped recipe meets, rendered as it would be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from distilray.prompts import SYNTHESIZE, Prompt
from distilray.recipe import Recipe, load_recipe
from distilray.rows import Row
from distilray.sources import Source, read_batches
from distilray.steps import Step
from tests.support.paths import RECIPES

QUESTION = {"en": "Tom has 3 apples and gets 4. How many has he now?", "zh": "小明有3个苹果,又得到4个,现在有几个?"}
TRACE = {"en": "3 apples and 4 more are 3+4=7.\n\nSo he has 7.", "zh": "3个苹果加4个是3+4=7。\n\n现在有7个。"}
TOKENIZER = "package://distilray.practice/checkpoints/teacher"
"""In place of real ones, which are on no test machine."""

pytestmark = pytest.mark.slow  # engine settings are checked against vLLM's own, which takes seconds to import


class Asked(Exception):
    """Raised in place of an answer."""

    def __init__(self, prompt: Prompt[Any], messages: list[dict[str, str]]) -> None:
        super().__init__(prompt.name)
        self.prompt, self.messages = prompt, messages


class Recorder:
    """Every model: tells what it was asked."""

    def __getitem__(self, name: Any) -> Recorder:
        return self

    async def ask(self, prompt: Prompt[Any], row: Row, **variables: Any) -> Any:
        raise Asked(prompt, prompt.messages(row, **variables))

    async def replies(self, prompt: Prompt[Any], row: Row, *, n: int = 1, **variables: Any) -> Any:
        raise Asked(prompt, prompt.messages(row, **variables))

    async def continued(self, prompt: Prompt[Any], messages: list[dict[str, str]], *opening: Any) -> Any:
        raise Asked(prompt, messages)


def rows_of(source: Source, language: str) -> Iterator[Row]:
    """Rows such as the source has: its own first ones where it is at hand, else one with what its settings promise."""
    if source.uses is not None:
        table = next(iter(read_batches(source, 256)))
        yield from (Row(values) for values in table.to_pylist() if values["language"] == language)
        return
    messages = [{"role": "user", "content": QUESTION[language]}]
    values = {"id": f"{source.name}/x:1", "source": source.name, "language": language, "task": source.task}
    values |= {"messages": messages, "reference": "7"}
    if source.form == "trace":
        values |= {"reasoning": TRACE[language], "answer": "7"}
    elif source.answers == "keep":
        values["answer"] = TRACE[language]
    yield Row(values)


def first_prompt(recipe: Recipe, row: Row) -> Asked | None:
    """None for a row that leaves before a model is asked about it."""
    for entry in recipe.all_steps():
        step = entry.named.step
        if not isinstance(step, Step):
            continue
        here = {name: TOKENIZER for name in ("tokenizer",) if name in type(step).model_fields}
        counted = {name: 0 for name in ("above",) if name in type(step).model_fields}
        step = step.model_copy(update=here | counted)
        try:
            outcome = asyncio.run(step.process(row, Recorder()))  # type: ignore[arg-type]
        except Asked as asked:
            return asked
        if outcome.kind != "kept":
            return None
        row = outcome.apply(row)
    return None


def asked_about(recipe: Recipe, source: Source, language: str) -> tuple[Row, Asked]:
    for row in rows_of(source, language):
        if (asked := first_prompt(recipe, row)) is not None:
            return row, asked
    raise AssertionError(f"no model is asked about rows of {source.name}")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_the_first_prompt_of_every_source_is_rendered_in_the_rows_language(name: str, language: str) -> None:
    recipe = load_recipe(str(RECIPES / f"{name}.yaml"))
    sources = [source for source in recipe.sources if any(True for _ in rows_of(source, language))]
    assert sources
    for source in sources:
        row, asked = asked_about(recipe, source, language)
        text = "\n".join(message["content"] for message in asked.messages)
        assert row.instruction in text or asked.prompt is SYNTHESIZE  # which writes what is asked
        assert asked.messages[0]["content"].isascii() == (language == "en")
        assert not {"{{", "}}", "{%", "None"} & set(text.split())
        if not name.startswith(("practice", "quickstart")):
            assert '"answer: "' not in text and '"答案' not in text, f"{name} demands a fixed mark of {source.name}"
            assert "what was not asked" not in text or row["task"] is None


@pytest.mark.parametrize("name", ["distilqwen2_5_ds3", "distilqwen2_5_r1"])
def test_the_second_posts_teacher_is_asked_to_work_step_by_step_and_its_rater_hears_the_students_size(
    name: str,
) -> None:
    recipe = load_recipe(str(RECIPES / f"{name}.yaml"))
    sources = {source.name: source for source in recipe.sources}
    [problems] = [source for source in sources.values() if source.form != "trace"]
    assert "step by step" in asked_about(recipe, problems, "en")[1].messages[0]["content"]
    assert "a 7B model" in asked_about(recipe, sources["r1-math"], "en")[1].messages[0]["content"]


@pytest.mark.parametrize("name", ["distilqwen2_5_ds3", "distilqwen2_5_ds3_8gpu"])
def test_the_second_posts_student_has_its_system_turn(name: str) -> None:
    recipe = load_recipe(str(RECIPES / f"{name}.yaml"))
    assert {entry.settings.system for entry in recipe.all_trainings()} == {
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant. You should think step-by-step."
    }
