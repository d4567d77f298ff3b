"""Balance: shares of tasks, lengths and languages as they are wanted (post A.5).

  - balance: {shares: published, languages: [en, zh], rows: 20000}
  - balance: {shares: {math: 0.5, writing: 0.3, others: 0.2}, lengths: {mean: 60, deviation: 0.8, tail: 0.05}}
  - repeat:                                              # what is lacking is made, until all is there or nothing comes
      rounds: 5
      carry_over: kept
      until: {rows: 20000}
      steps:
        - balance: {shares: published, languages: [en, zh], rows: 20000, short: expand, most_new: 5000}
        - localize: {model: teacher, into: {en: zh, zh: en}}
        - expand: {model: teacher}

What is too much leaves; the larger language is cut down to the smaller one. What is lacking is never made up by
doubling rows: with ``short: leave`` it stays lacking, with ``cut`` all tasks shrink to what the scarcest allows, and
with ``expand`` new rows are asked for, row by row, in ``to_expand`` and ``to_localize``, which the steps that make rows
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import duckdb
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from distilray.errors import InputError, counted
from distilray.prompts import OTHERS
from distilray.steps.global_step import GlobalStep, quoted
from distilray.steps.shared.length_bins import Lengths, word_count
from distilray.steps.shared.parts import PARTS, part_columns, text_of
from distilray.steps.shared.quotas import (
    Cell,
    Wanted,
    evened,
    in_languages,
    in_tasks,
    languages_apart,
    quotas,
    scarcest,
    wanted,
)
from distilray.steps.shared.sql import create, insert, literal
from distilray.steps.shared.task_shares import PUBLISHED_SHARES

ROUNDING = 0.001
CELLS = pa.schema(
    [
        ("task", pa.string()),
        ("language", pa.string()),
        ("before", pa.int64()),
        ("target", pa.int64()),
        ("after", pa.int64()),
        ("to_expand", pa.int64()),
        ("to_localize", pa.int64()),
    ]
)


class Balance(GlobalStep):
    """Rejects rows beyond their task's and language's part of ``rows``: which ones, the lengths decide if a
    distribution is given, then ``by``, then a hash of the id. Rows whose task has no share count as ``others``."""

    writes: ClassVar = {"words": "int", "to_expand": "int", "to_localize": "int"}

    shares: Annotated[
        Literal["published"] | dict[str, float] | None,
        Field(description="share of each task; they sum to 1. published: those of the paper behind the post"),
    ] = None
    languages: Annotated[
        tuple[str, ...], Field(description="languages that are to have equal parts; rows in others leave. none: any")
    ] = ()
    language_gap: Annotated[
        float, Field(ge=0, le=1, description="how far the largest language may be ahead of the smallest, as a share")
    ] = 0.05
    lengths: Annotated[
        Lengths | None, Field(description="distribution of the lengths that stay: {mean, deviation, tail}, in words")
    ] = None
    parts: PARTS = ("conversation",)
    rows: Annotated[int | None, Field(ge=1, description="rows in all; default: as many as there are")] = None
    by: Annotated[
        str | None, Field(pattern=r"^\w+$", description="column of numbers; of equal rows the highest stay")
    ] = None
    short: Annotated[
        Literal["leave", "cut", "expand"],
        Field(description="what becomes of a task with too few rows: left so, all others cut too, new rows asked for"),
    ] = "leave"
    most_new: Annotated[int | None, Field(ge=0, description="most new rows that are asked for at once")] = None
    most_each: Annotated[int, Field(ge=1, description="most new rows that are asked for of one row")] = 3
    round: Annotated[int, Field(ge=1, description="which draw of rows to expand; a repeat counts its rounds")] = 1

    @field_validator("shares")
    @classmethod
    def _sum_to_one(cls, shares: Any) -> Any:
        if not isinstance(shares, Mapping):
            return shares
        if wrong := [f"{task} {share:g}" for task, share in shares.items() if not 0 <= share <= 1]:
            raise ValueError(f"a share is a number from 0 to 1, not {', '.join(wrong)}")
        if abs(sum(shares.values()) - 1) > ROUNDING:
            told = ", ".join(f"{task} {share:g}" for task, share in shares.items())
            rest = f"; give the rest to {OTHERS}" if sum(shares.values()) < 1 and OTHERS not in shares else ""
            raise ValueError(f"the shares sum to {sum(shares.values()):g}, not to 1: {told}{rest}")
        return shares

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if self.shares is None and not self.languages and self.rows is None:
            raise ValueError("nothing to balance: give shares, languages or rows (with lengths: how many of them stay)")
        if self.languages and len(set(self.languages)) < 2:
            raise ValueError(f"one language is in balance with none: {list(self.languages)}; name two or more")
        return self

    def columns_read(self) -> set[str]:
        by = {self.by} if self.by else set()
        return {"task", "language", *by, *part_columns(self.parts)}

    def in_round(self, number: int) -> Self:
        return super().in_round(number).model_copy(update={"round": number})

    def task_shares(self) -> dict[str, float]:
        """The share of each task; "" is any."""
        return PUBLISHED_SHARES if self.shares == "published" else dict(self.shares or {"": 1.0})

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        rows.execute(f"CREATE TABLE told AS {self._told()}")
        before: dict[Cell, int] = {
            (task, language): number
            for task, language, number in rows.execute(
                "SELECT task, language, count(*) FROM told GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        }
        self._check(rows, before)
        create(rows, "cells", CELLS)
        insert(rows, "cells", pa.Table.from_pylist(self._cells(before), schema=CELLS))
        rows.execute(f"CREATE TABLE balanced AS {self._balanced()}")
        return "SELECT id, unit, reason, words, to_expand, to_localize FROM balanced"

    def _told(self) -> str:
        """SQL for the rows' cells and lengths."""
        known = ", ".join(literal(task) for task in self.task_shares())
        task = f"CASE WHEN task IN ({known}) THEN task ELSE {literal(OTHERS)} END" if self.shares else "''"
        language = "coalesce(language, 'en')" if self.languages else "''"
        value = f"{quoted(self.by)}::DOUBLE" if self.by else "0::DOUBLE"
        words = word_count(text_of(self.parts))
        return f"SELECT id, unit, {task} AS task, {language} AS language, {value} AS value, {words} AS words FROM rows"

    def _cells(self, before: Mapping[Cell, int]) -> list[dict[str, Any]]:
        """A row for each cell that has a part: how many rows it has, is to have, and has afterwards."""
        shares, languages = self.task_shares(), self.languages or ("",)
        with_part = sum(rows for (task, language), rows in before.items() if task in shares and language in languages)
        total = self.rows or with_part
        if self.short == "cut":
            shares, total = scarcest(total, shares, in_tasks(before))
        targets = quotas(total, shares, languages)
        after = {cell: min(target, before.get(cell, 0)) for cell, target in targets.items()}
        asked: dict[Cell, Wanted] = {}
        if self.short == "expand":
            asked = wanted(after, targets, self.most_each, self.most_new)
        elif self.languages:
            after = evened(after, self.language_gap)
        return [
            {
                "task": cell[0],
                "language": cell[1],
                "before": before.get(cell, 0),
                "target": target,
                "after": after[cell],
                "to_expand": asked[cell].expand if cell in asked else 0,
                "to_localize": asked[cell].localize if cell in asked else 0,
            }
            for cell, target in targets.items()
        ]

    def _balanced(self) -> str:
        """SQL for the decisions, from the tables ``told`` and ``cells``."""
        asked = "place <= after" if self.short == "expand" else "false"
        seeds = f"md5(id || '/seed-{self.round}')"
        over = "task over its share" if self.shares else "language over its share" if self.languages else "not needed"
        return f"""
            WITH placed AS ({self._placed()}),
            seeded AS (
                SELECT placed.*, target, after, to_expand, to_localize,
                       row_number() OVER (PARTITION BY task, language, place <= after ORDER BY {seeds}) AS seed
                FROM placed LEFT JOIN cells USING (task, language)
            )
            SELECT id, unit, words,
                   CASE WHEN after IS NULL THEN 'task or language without a share'
                        WHEN place > target THEN '{over}'
                        WHEN place > after THEN 'language ahead of the others' END AS reason,
                   CASE WHEN {asked}
                        THEN to_expand // after + (seed <= to_expand % after)::BIGINT END AS to_expand,
                   CASE WHEN {asked} THEN (seed <= to_localize)::BIGINT END AS to_localize
            FROM seeded
        """

    def _placed(self) -> str:
        """SQL for the rows of ``told`` with their places in their cells, from 1: the first ones stay."""
        best = "value DESC NULLS LAST, md5(id)"
        if self.lengths is None:
            return f"SELECT *, row_number() OVER (PARTITION BY task, language ORDER BY {best}) AS place FROM told"
        # The first n rows of a cell have the wanted lengths, for any n: each bin hands out its rows at its own rate.
        masses = ", ".join(f"({number}, {mass})" for number, mass in self.lengths.masses().items())
        return f"""
            SELECT * EXCLUDE (mass, turn), row_number() OVER (
                       PARTITION BY task, language ORDER BY turn / greatest(mass, 1e-9), md5(id)) AS place
            FROM (SELECT told.*, mass, row_number() OVER (PARTITION BY task, language, bin ORDER BY {best}) AS turn
                  FROM told JOIN (VALUES {masses}) AS bins (bin, mass) ON bin = {self.lengths.bin_of("words")})
        """

    def _check(self, rows: duckdb.DuckDBPyConnection, before: Mapping[Cell, int]) -> None:
        """Raises :class:`InputError` where no row can be what is asked for."""
        if isinstance(self.shares, Mapping):
            found = {task: number for task, number in rows.execute(_TASKS).fetchall()}
            unknown = [task for task, share in self.shares.items() if share and task not in found and task != OTHERS]
            if unknown:
                there = ", ".join(f"{task} ({number:,})" for task, number in found.items())
                text = f"balance: no row is of the task {unknown[0]!r}, which has a share; the rows' tasks: {there}"
                raise InputError(f"{text}. Correct the name, or let a step classify the rows before")
        there = in_languages({cell: number for cell, number in before.items() if cell[1] in self.languages})
        missing = [language for language in self.languages if language not in there]
        if missing and (self.short != "expand" or not there):
            told = ", ".join(f"{counted(number, 'row')} in {language}" for language, number in there.items())
            text = f"balance: no row is in {missing[0]!r}, so the languages cannot be in balance ({told or 'no row'})"
            raise InputError(f"{text}. Add such a source, or set `short: expand` and let a step localize rows")

    def summary(self, rows: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """Every cell before and after with what it is to have, and lengths by powers of two, for the report."""
        cells = [
            dict(zip(CELLS.names, cell, strict=True))
            for cell in rows.execute("SELECT * FROM cells ORDER BY before DESC, task, language").fetchall()
        ]
        lengths = rows.execute("""
            SELECT floor(log2(greatest(words, 1)))::INTEGER AS power, count(*), count(*) FILTER (reason IS NULL)
            FROM balanced GROUP BY power ORDER BY power
        """).fetchall()
        after = {(cell["task"], cell["language"]): cell["after"] for cell in cells}
        gap = languages_apart(after, self.languages) if self.languages else 0.0
        return {
            "kind": "balance",
            "cells": cells,
            "lengths": [{"from": 2**power, "before": before, "after": kept} for power, before, kept in lengths],
            "languages_apart": gap if gap != float("inf") else None,
        }


_TASKS = """
    SELECT coalesce(task, 'others') AS name, count(*) AS number FROM rows GROUP BY name ORDER BY number DESC, name
"""
