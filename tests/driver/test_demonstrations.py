"""Demonstrations become rows of their own: one each, none twice, none that the step could not read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from distilray.driver.demonstrations import NO_DEMONSTRATION, UNREADABLE, demonstrations_of, write_demonstrations
from distilray.ledger import UnitCounts, UnitInput, kept_rows, read_unit_counts, write_unit
from distilray.prompts import SHORTEN_TRACE, Prompt
from distilray.rows import Row, schema_with
from distilray.steps import Demonstration, Step
from distilray.steps.shorten_trace import ShortenTrace
from distilray.storage import Store
from distilray.train import LearnSettings
from tests.support.planted import GOOD, LONG, problem

SHORTEN = ShortenTrace(model="big")


def parse_question(reply: str) -> str:
    if not reply.endswith("?"):
        raise ValueError(f"expected a question, found {reply!r}")
    return reply


EXPAND = Prompt("expand", parse_question, templates={"en": "Another one like this.\n---\n{{ seed }}", "zh": "再来一题。\n---\n{{ seed }}"})  # fmt: skip  # noqa: E501


class Expand(Step):
    """A user's step that makes new instructions of old ones."""

    demonstration_columns = ("messages",)

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        if parent is not None:
            yield Demonstration(EXPAND, row, {"seed": parent.instruction}, row.instruction)


def shortened(number: int, **columns: Any) -> dict[str, Any]:
    made = {"id": f"r{number}", "long_trace": f"{LONG}\n\n{number}", "short_trace": GOOD, "conclusion": "861"}
    return problem(**made | columns).values


def learned(rows: list[dict[str, Any]], step: Step = SHORTEN, **learn: Any) -> list[dict[str, Any]]:
    by_id = {row["id"]: row for row in rows}
    return list(demonstrations_of(rows, by_id, step, LearnSettings(step="shorten_trace", **learn)))


def test_a_lesson_asks_with_the_steps_template_in_the_rows_language() -> None:
    [english, chinese] = learned([shortened(1), shortened(2, language="zh")])
    assert english["messages"] == SHORTEN_TRACE.messages(problem(), trace=f"{LONG}\n\n1", answer="861")
    assert english["messages"][0]["content"].startswith("Condense a reasoning trace")
    assert chinese["messages"][0]["content"].startswith("请精简一段推理过程")
    assert (english["answer"], english["id"], english["parent"]) == (GOOD, "r1/shorten_trace.0", "r1")


def test_what_a_child_has_of_its_parent_is_not_learned_twice() -> None:
    rows = [shortened(1), shortened(1, id="r1/pairs.0", parent="r1")]
    first, second = learned(rows)
    assert (first["outcome"], second["outcome"], second["reason"]) == ("kept", "rejected", NO_DEMONSTRATION)


def test_replies_that_the_step_could_not_read_are_not_learned() -> None:
    [row] = learned([shortened(1, short_trace="Sure, here it is:\n861")])
    assert (row["outcome"], row["reason"]) == ("rejected", UNREADABLE)


def test_only_the_prompts_that_are_wanted_are_learned() -> None:
    [row] = learned([shortened(1)], prompts=("extend_trace",))
    assert row["reason"] == NO_DEMONSTRATION


def test_a_step_of_ones_own_may_teach_how_rows_were_made_of_others() -> None:
    seed = problem(id="seed").values
    child = problem(id="seed/expand.0", parent="seed", messages=[{"role": "user", "content": "And 3 plus 4?"}]).values
    _, demonstration = learned([seed, child], Expand())
    assert demonstration["messages"][-1]["content"] == Row(seed).instruction
    assert demonstration["answer"] == "And 3 plus 4?"


def test_a_unit_of_lessons_accounts_for_every_row_and_keeps_the_columns_of_the_condition(tmp_path: Path) -> None:
    store, path = Store(tmp_path), "steps/01-shorten/unit-000000.parquet"
    rows = [shortened(1, trace_tokens_after=9), shortened(2, long_trace=None), shortened(3, short_trace="```\n1```")]
    schema = schema_with(SHORTEN.columns_written())
    write_unit(store, path, pa.Table.from_pylist([row | {"outcome": "kept"} for row in rows], schema), schema,
               UnitCounts())  # fmt: skip
    out = "training/condenser/demonstrations/unit-000000.parquet"
    write_demonstrations(store, UnitInput(path), LearnSettings(step="shorten"), "trace_tokens_after < 10", SHORTEN, out)
    [counts] = read_unit_counts(store, out).steps
    assert (counts.rows_in, counts.kept, counts.rejected) == (3, 1, 2)
    assert counts.reasons == {f"rejected: {NO_DEMONSTRATION}": 1, f"rejected: {UNREADABLE}": 1}
    [demonstration] = kept_rows(store, UnitInput(out)).to_pylist()
    assert demonstration["trace_tokens_after"] == 9


@pytest.mark.parametrize("parent", [None, "elsewhere"])
def test_a_parent_that_did_not_come_along_is_none(parent: str | None) -> None:
    [row] = learned([problem(parent=parent).values], Expand())
    assert row["reason"] == NO_DEMONSTRATION
