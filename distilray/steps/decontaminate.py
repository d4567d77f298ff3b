"""Decontaminate: rows that hold the questions of a benchmark leave (post A.2).

  - decontaminate                                        # every benchmark that the recipe evaluates on
  - decontaminate: {against: [{name: aime, path: data/aime.jsonl}], threshold: 0.3}

A row holds a question if it has at least ``threshold`` of the question's runs of words (of characters in Chinese,
Japanese and Korean), or is the question, whatever its case, spaces and punctuation. Numbers count as words: the same
exercise with other numbers shares few runs with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import duckdb
import pyarrow as pa
from pydantic import Field

from distilray.rows import Row
from distilray.sources import AnchoredSource, SourceError, list_files, rows_of
from distilray.steps.global_step import GlobalStep
from distilray.steps.shared.contamination import FrozenIndex, Hit, QuestionIndex
from distilray.steps.shared.parts import PARTS, part_columns, text_of
from distilray.steps.shared.sql import batches, create, insert, literal

HITS = pa.schema([("id", pa.string()), ("benchmark", pa.string()), ("question", pa.string()), ("share", pa.float64())])
PUBLISHED = "benchmark_question"
"""The column in which a published benchmark's rows carry their question, as JSON."""
ASKED = pa.schema([("benchmark", pa.string()), ("questions", pa.int64())])


class Decontaminate(GlobalStep):
    """Rejects rows that hold a question, as ``holds a question of BENCHMARK``, and names the question; rows below
    the threshold keep the largest share that was found."""

    writes: ClassVar = {"contaminated_by": "string", "contaminated_share": "float"}

    parts: PARTS = ("conversation",)
    against: Annotated[
        tuple[AnchoredSource, ...],
        Field(description="sources of questions; the benchmarks of the recipe's `evaluate` are always among them"),
    ] = ()
    words: Annotated[int, Field(ge=2, description="words of a run")] = 8
    characters: Annotated[int, Field(ge=2, description="characters of a run in Chinese, Japanese, Korean")] = 12
    threshold: Annotated[
        float, Field(gt=0, le=1, description="share of a question's runs at which a row holds the question")
    ] = 0.5

    def columns_read(self) -> set[str]:
        return part_columns(self.parts)

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        writer, index = rows.cursor(), self._index()
        create(writer, "asked", ASKED)
        insert(writer, "asked", pa.Table.from_pylist(index.asked(), schema=ASKED))
        create(writer, "hits", HITS)
        for found in _hits(rows, f"SELECT id, {text_of(self.parts)} FROM rows", index):
            insert(writer, "hits", found)
        reason = f"CASE WHEN share >= {self.threshold} THEN {literal('holds a question of ')} || benchmark END"
        return f"""
            SELECT rows.id, rows.unit, {reason} AS reason,
                   CASE WHEN share >= {self.threshold} THEN question END AS contaminated_by,
                   coalesce(share, 0) AS contaminated_share
            FROM rows LEFT JOIN hits ON hits.id = rows.id
        """

    def summary(self, rows: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """How many questions of each benchmark rows were compared with, and how many rows held one, for the report."""
        counted = rows.execute(f"""
            SELECT asked.benchmark, questions, count(share) FILTER (share >= {self.threshold})
            FROM asked LEFT JOIN hits ON hits.benchmark = asked.benchmark
            GROUP BY asked.benchmark, questions ORDER BY asked.benchmark
        """).fetchall()
        names = ("benchmark", "questions", "rows")
        return {"kind": "contamination", "benchmarks": [dict(zip(names, one, strict=True)) for one in counted]}

    def _index(self) -> FrozenIndex:
        index = QuestionIndex(self.words, self.characters)
        for source in self.against:
            before = len(index.questions)
            for file in list_files(source):
                for row in map(Row, rows_of(source, file)):
                    if row["outcome"] != "failed":
                        index.add(source.name, row.id, row.instruction, *_own_text(row))
            if len(index.questions) == before:
                remedy = "Correct its `path`, `form` or `columns`: rows would be compared with nothing"
                raise SourceError(f"source {source.name!r}", "holds no question", remedy)
        return index.frozen()


def _hits(rows: duckdb.DuckDBPyConnection, texts: str, index: FrozenIndex) -> Iterator[pa.Table]:
    """What was found in the rows that share a run with any question."""
    for batch in batches(rows, texts):
        found: list[dict[str, Any]] = []
        for row_id, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            hit = index.best(text)
            if hit is not None:
                found.append({"id": row_id, **dict(zip(Hit._fields, hit, strict=True))})
        yield pa.Table.from_pylist(found, schema=HITS)


def _own_text(row: Row) -> list[str]:
    """The text of a published benchmark's question, without the options and the instructions that models get."""
    return [json.loads(row[PUBLISHED])["text"]] if PUBLISHED in row else []
