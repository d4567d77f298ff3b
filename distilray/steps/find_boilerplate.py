"""Find boilerplate: openings, closings, phrases and refusals that too many answers share (post A.10).

  - find_boilerplate: {above: 0.01}                      # answers beyond that frequency leave
  - find_boilerplate: {above: 0.01, then: mark}          # ... are marked for a step that rewrites them

A student learns whatever is in every hundredth answer. Frequencies are shares of the rows of a language, over the whole
set; text that distilray's own prompts cause, such as a line "answer: ", counts like any other and is named as ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal

import duckdb
import pyarrow as pa
from pydantic import Field

from distilray.prompts import template_texts
from distilray.steps.global_step import GlobalStep
from distilray.steps.shared.caps import Phrase, capped
from distilray.steps.shared.parts import PARTS, part_columns, text_of
from distilray.steps.shared.phrases import INSIDE, MARKER, REFUSAL, Found, PhraseFinder, PromptTexts, RunLength
from distilray.steps.shared.sql import batches, create, insert
from distilray.verifiers import is_refusal

SHOWN = 40
"""Phrases in the report."""
HITS = pa.schema([("n", pa.uint32()), ("kind", pa.string()), ("key", pa.int64()), ("text", pa.string())])
OVER = pa.schema([("n", pa.uint32()), ("phrase", pa.int64())])


class FindBoilerplate(GlobalStep):
    """Rejects or marks as many rows as it takes to bring every phrase down to the frequency ``above``; which ones have
    it and stay, a hash of the id decides. ``boilerplate`` is the phrase for which a row left or was marked."""

    writes: ClassVar = {"boilerplate": "string", "boilerplate_share": "float"}

    parts: PARTS = ("answer",)
    above: Annotated[
        float, Field(gt=0, lt=1, description="share of a language's rows above which a text is boilerplate")
    ] = 0.01
    min_rows: Annotated[int, Field(ge=2, description="rows that have to share a text for it to be boilerplate")] = 20
    edge_words: Annotated[int, Field(ge=1, description="words of an opening or closing")] = 3
    edge_characters: Annotated[int, Field(ge=1, description="the same in Chinese, Japanese, Korean: characters")] = 5
    words: Annotated[int, Field(ge=2, description="words of a phrase anywhere")] = 6
    characters: Annotated[int, Field(ge=2, description="the same in Chinese, Japanese, Korean: characters")] = 10
    then: Annotated[
        Literal["drop", "mark"], Field(description="reject the rows beyond the frequency, or mark them")
    ] = "drop"

    def columns_read(self) -> set[str]:
        return {"language", *part_columns(self.parts)}

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        writer = rows.cursor()
        rows.execute("""
            CREATE TABLE numbered AS
            SELECT id, unit, coalesce(language, 'en') AS language,
                   (row_number() OVER (ORDER BY md5(id)) - 1)::UINTEGER AS n FROM rows
        """)
        rows.execute(f"""
            CREATE TABLE totals AS
            SELECT language, count(*) AS rows, greatest({self.min_rows}, floor(count(*) * {self.above}) + 1) AS at_least
            FROM numbered GROUP BY language
        """)
        create(writer, "hits", HITS)
        for found in self._hits(rows):
            insert(writer, "hits", found)
        rows.execute("""
            CREATE TABLE phrases AS
            SELECT row_number() OVER (ORDER BY before DESC, kind, text, key) - 1 AS phrase, * FROM (
                SELECT kind, key, language, min(text) AS text, count(*) AS before, any_value(rows) AS rows
                FROM hits JOIN numbered USING (n) JOIN totals USING (language)
                GROUP BY kind, key, language HAVING count(*) >= any_value(at_least)
            )
        """)
        rows.execute("""
            CREATE TABLE shares AS
            SELECT n, phrase FROM hits JOIN numbered USING (n) JOIN phrases USING (kind, key, language)
        """)
        create(writer, "beyond", OVER)
        for over in self._over(rows):
            insert(writer, "beyond", over)
        reason = "CASE WHEN phrase IS NOT NULL THEN 'repeated ' || kind END" if self.then == "drop" else "NULL::VARCHAR"
        return f"""
            SELECT id, unit, {reason} AS reason, text AS boilerplate, before / rows AS boilerplate_share
            FROM numbered LEFT JOIN beyond USING (n) LEFT JOIN phrases USING (phrase)
        """

    def _hits(self, rows: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        """The runs of each row that may be frequent, the markers of our prompts, and refusals."""
        finder = PhraseFinder(RunLength(self.edge_words, self.edge_characters), RunLength(self.words, self.characters))
        prompts = PromptTexts(template_texts().values())
        least = dict(rows.execute("SELECT language, at_least::BIGINT FROM totals").fetchall())
        texts = f"SELECT n, numbered.language, {text_of(self.parts)} FROM rows JOIN numbered ON numbered.id = rows.id"
        for batch in batches(rows, texts):
            for text in batch.column(2).to_pylist():
                finder.count(text)
        for batch in batches(rows, texts):
            hits: list[dict[str, Any]] = []
            for n, language, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                found = [*finder.frequent(text, least[language]), *_marks(prompts, text, language)]
                hits += [{"n": n, **one._asdict()} for one in found]
            yield pa.Table.from_pylist(hits, schema=HITS)

    def _over(self, rows: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        """The rows beyond the frequency, each with the most frequent phrase for which it is one too many."""
        listed = rows.execute("SELECT language, rows FROM phrases ORDER BY phrase").fetchall()
        phrases = [Phrase(language, total) for language, total in listed]

        def of_each_row() -> Iterator[tuple[int, Sequence[int]]]:
            pairs = (
                pair
                for batch in batches(rows, "SELECT n, phrase FROM shares ORDER BY n, phrase")
                for pair in zip(*(column.to_pylist() for column in batch.columns), strict=True)
            )
            for n, group in groupby(pairs, key=itemgetter(0)):
                yield n, [phrase for _, phrase in group]

        for some in capped(phrases, self.above, of_each_row):
            yield pa.table({"n": [n for n, _ in some], "phrase": [phrase for _, phrase in some]}, schema=OVER)

    def summary(self, rows: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """The most frequent phrases before and after, for the report; those next to one another count as one."""
        prompts = PromptTexts(template_texts().values())
        listed = rows.execute("""
            WITH left_over AS (SELECT phrase, count(*) AS after FROM shares ANTI JOIN beyond USING (n) GROUP BY phrase),
            stay AS (SELECT language, count(*) AS rows FROM numbered ANTI JOIN beyond USING (n) GROUP BY language)
            SELECT kind, phrases.language, text, before, coalesce(after, 0), before / phrases.rows,
                   coalesce(after / stay.rows, 0)
            FROM phrases LEFT JOIN left_over USING (phrase) LEFT JOIN stay ON stay.language = phrases.language
            ORDER BY phrase
        """)
        names = ("kind", "language", "text", "before", "after", "share_before", "share_after")
        shown: list[dict[str, Any]] = []
        while len(shown) < SHOWN and (found := listed.fetchone()) is not None:
            phrase: dict[str, Any] = dict(zip(names, found, strict=True))
            if not any(_beside(phrase, other) for other in shown):
                shown.append(phrase | {"ours": phrase["kind"] == MARKER or prompts.hold(phrase["text"])})
        return {"kind": "boilerplate", "above": self.above, "then": self.then, "phrases": shown}

    def explanation(self, summary: Mapping[str, Any]) -> str:
        return "\n".join(
            f"  {phrase['share_before']:.1%} of the rows in {phrase['language']}: {phrase['kind']} {phrase['text']!r}"
            for phrase in summary.get("phrases", ())[:5]
        )


def _marks(prompts: PromptTexts, text: str, language: str) -> list[Found]:
    found = [Found(MARKER, 0, marker) for marker in sorted(prompts.markers(text))]
    return [*found, Found(REFUSAL, 0, "")] if is_refusal(text, language) else found


def _beside(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two phrases overlap by two thirds, as those of one repeated sentence do."""
    if one["kind"] != INSIDE or (one["kind"], one["language"]) != (other["kind"], other["language"]):
        return False
    most = 2 * len(one["text"]) // 3
    return one["text"][:most] in other["text"] or one["text"][-most:] in other["text"]
