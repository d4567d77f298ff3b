"""Deduplicate: of rows with the same text, or nearly the same, the best stays (post A.2).

  - deduplicate
  - deduplicate: {threshold: 0.7, by: answer_tokens}
  - deduplicate: {parts: [conversation, answer], sources: [own, openhermes]}

Texts are the same if their words are, whatever their case, spaces and punctuation. They are nearly the same if at
least ``threshold`` of all their shingles are in both: runs of words, of characters in Chinese, Japanese and Korean.
Candidates come from a MinHash and its bands; similarities are exact, so no pair below the threshold counts, and of
those above it at most 1 % is missed. Every row that leaves names one that stays and is that similar to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import duckdb
import pyarrow as pa
from pydantic import Field

from distilray.steps.global_step import GlobalStep, quoted
from distilray.steps.shared.minhash import Banding, Sketcher, banding, jaccard
from distilray.steps.shared.parts import PARTS, part_columns, text_of
from distilray.steps.shared.sql import batches, create, insert, literal

MOST_COMPARED = 32
"""Rows of one bucket with which each row of it is compared, the best ones: work stays linear in a bucket's size."""
PAIRS = pa.schema([("better", pa.uint32()), ("worse", pa.uint32())])
NEAR = PAIRS.append(pa.field("similarity", pa.float64()))


class Deduplicate(GlobalStep):
    """Keeps the best of every set of duplicates: the row with the highest ``by``, of the first of ``sources``, an
    original rather than a created row, the longest, then by a hash of the id. The others are rejected as ``exact
    duplicate`` or ``near-duplicate``: ``duplicate_of`` is the id of the row that stays."""

    writes: ClassVar = {"duplicate_of": "string", "similarity": "float"}

    parts: PARTS = ("conversation",)
    threshold: Annotated[
        float | None,
        Field(ge=0.3, le=1, description="share of shingles in common that makes rows near-duplicates; null: none are"),
    ] = 0.8
    words: Annotated[int, Field(ge=1, description="words of a shingle")] = 3
    characters: Annotated[int, Field(ge=1, description="characters of a shingle in Chinese, Japanese, Korean")] = 5
    numbers_agree: Annotated[
        bool,
        Field(description="rows with different numbers are no near-duplicates: 2+3 is not 2+4, however much is equal"),
    ] = True
    by: Annotated[
        str | None, Field(pattern=r"^\w+$", description="column of numbers; the row with the highest is the best")
    ] = None
    sources: Annotated[
        tuple[str, ...], Field(description="sources in order of preference; those not named come after them")
    ] = ()

    def columns_read(self) -> set[str]:
        by = {self.by} if self.by else set()
        return {"source", "parent", *by, *part_columns(self.parts)}

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        writer = rows.cursor()  # fills tables while `rows` is still read
        order = f"(row_number() OVER (ORDER BY {self._best_first()}) - 1)::UINTEGER"
        rows.execute(f"CREATE TABLE ranked AS SELECT id, unit, {order} AS n FROM rows")
        bands = banding(self.threshold)
        self._sketch(rows, writer, bands)
        rows.execute("CREATE TABLE firsts AS SELECT digest, min(n) AS n FROM sketches GROUP BY digest")
        create(writer, "gone", NEAR)
        if self.threshold is not None:
            _compare(rows, writer, bands, self.threshold)
            for leaving in _leaving(rows):
                insert(writer, "gone", leaving)
        return """
            SELECT ranked.id, ranked.unit,
                   CASE WHEN firsts.n <> sketches.n THEN 'exact duplicate'
                        WHEN gone.better IS NOT NULL THEN 'near-duplicate' END AS reason,
                   keeper.id AS duplicate_of,
                   CASE WHEN keeper.id IS NOT NULL THEN coalesce(gone.similarity, 1) END AS similarity
            FROM ranked LEFT JOIN sketches ON sketches.n = ranked.n
                 LEFT JOIN firsts ON firsts.digest = sketches.digest
                 LEFT JOIN gone ON gone.worse = firsts.n
                 LEFT JOIN ranked AS keeper
                      ON keeper.n = coalesce(gone.better, CASE WHEN firsts.n <> sketches.n THEN firsts.n END)
        """

    def _best_first(self) -> str:
        keys = [f"{quoted(self.by)}::DOUBLE DESC NULLS LAST"] if self.by else []
        if self.sources:
            places = " ".join(f"WHEN {literal(name)} THEN {k}" for k, name in enumerate(self.sources))
            keys.append(f"CASE source {places} ELSE {len(self.sources)} END")
        return ", ".join([*keys, "parent IS NOT NULL", f"length({text_of(self.parts)}) DESC", "md5(id)"])

    def _sketch(self, rows: duckdb.DuckDBPyConnection, writer: duckdb.DuckDBPyConnection, bands: Banding) -> None:
        """Fills the table ``sketches``."""
        sketcher = Sketcher(bands, self.words, self.characters, self.numbers_agree)
        create(writer, "sketches", sketcher.schema())
        texts = f"SELECT ranked.n, {text_of(self.parts)} FROM rows JOIN ranked ON ranked.id = rows.id"
        for batch in batches(rows, texts):
            insert(writer, "sketches", sketcher.table(batch.column(0).to_pylist(), batch.column(1).to_pylist()))


def _compare(
    rows: duckdb.DuckDBPyConnection, writer: duckdb.DuckDBPyConnection, bands: Banding, threshold: float
) -> None:
    """Fills the table ``near`` with the pairs that share a band and are at least as similar as ``threshold``.

    Of rows with the same words only the best takes part.
    """
    create(writer, "pairs", PAIRS)
    create(writer, "near", NEAR)
    for band in bands.columns:
        writer.execute(f"""
            INSERT INTO pairs
            WITH met AS (
                SELECT n, {band} AS bucket, row_number() OVER (PARTITION BY {band} ORDER BY n) AS place
                FROM sketches WHERE n IN (SELECT n FROM firsts)
                QUALIFY count(*) OVER (PARTITION BY {band}) > 1
            )
            SELECT head.n, other.n FROM met AS head JOIN met AS other USING (bucket)
            WHERE head.place <= {MOST_COMPARED} AND head.n < other.n
        """)
    sets = """
        SELECT better, worse, one.shingles, other.shingles
        FROM (SELECT DISTINCT better, worse FROM pairs) AS pair
             JOIN sketches AS one ON one.n = pair.better JOIN sketches AS other ON other.n = pair.worse
    """
    for batch in batches(rows, sets):
        similarity = jaccard(batch.column(2), batch.column(3))
        pairs = pa.table([batch.column(0), batch.column(1), pa.array(similarity)], schema=NEAR)
        insert(writer, "near", pairs.filter(pa.array(similarity >= threshold)))


def _leaving(rows: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
    """The rows that leave, each with the row that stays and is most similar to it.

    From the best row to the worst: one leaves if a row that stays is near to it. All that is held is a byte a row.
    """
    [total] = rows.execute("SELECT count(*) FROM ranked").fetchall()[0]
    stays = bytearray(b"\1") * total
    for batch in batches(rows, "SELECT worse, better, similarity FROM near ORDER BY worse, similarity DESC, better"):
        gone = []
        for worse, better, similarity in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if stays[worse] and stays[better]:
                stays[worse] = 0
                gone.append({"better": better, "worse": worse, "similarity": similarity})
        yield pa.Table.from_pylist(gone, schema=NEAR)
