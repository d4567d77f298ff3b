"""Select: keep the rows whose score is high enough, the best share or number of them (post A.4), or those whose traces
suit the student (post B.24).

  - select: {by: accuracy, at_least: 7}
  - select: {by: difficulty, share: 0.3, group_by: [task]}
  - select: {match: 7B}                                  # after score_trace
  - select: {top: 4000}                                  # a sample: no column, so by a hash of the id
  - select: {by: student_score, smallest_first: true, share: [0.8, 0.6, 0.4]}   # in a repeat: harder rows every round
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import duckdb
from pydantic import Field, model_validator

from distilray.steps.global_step import SHARES, ByRound, GlobalStep, at_round, quoted
from distilray.steps.shared.selection import summarise, written_out
from distilray.steps.shared.student_sizes import SCORES, SUITS, StudentSize


class Select(GlobalStep):
    """Keeps rows by the column ``by``: above a threshold, the best share, the best N; or several of these at once."""

    writes: ClassVar = {"rank": "int"}

    by: Annotated[
        str | None,
        Field(
            pattern=r"^\w+$",
            description="column that ranks rows; rows without a value are rejected; null: a sample",
        ),
    ] = None
    at_least: Annotated[float | None, Field(description="lowest value that stays")] = None
    at_most: Annotated[float | None, Field(description="highest value that stays")] = None
    share: Annotated[
        float | tuple[float, ...] | None,
        SHARES,
        ByRound(),
        Field(description="best share that stays, 0 to 1; a list has one for each round of a repeat"),
    ] = None
    top: Annotated[int | None, Field(ge=1, description="how many of the best rows stay")] = None
    group_by: Annotated[
        tuple[str, ...], Field(description="columns whose values form groups; share and top hold in each")
    ] = ()
    smallest_first: Annotated[bool, Field(description="the smallest values are the best")] = False
    match: Annotated[
        StudentSize | None,
        Field(description="traces whose verbosity and difficulty suit a student of that size (see student_sizes)"),
    ] = None

    @model_validator(mode="after")
    def _something_to_do(self) -> Select:
        bounded = self.at_least is not None or self.at_most is not None
        if bounded and self.by is None:
            raise ValueError("at_least and at_most are values of a column: name it in `by`")
        if not bounded and self.share is None and self.top is None and self.match is None:
            raise ValueError("nothing to select by: give at_least, at_most, share, top or match")
        return self

    def columns_read(self) -> set[str]:
        scores = SCORES if self.match is not None else ()
        by = (self.by, "task", "language") if self.by else ()
        return {*by, *self.group_by, *scores}

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        groups = f"PARTITION BY {', '.join(quoted(name) for name in self.group_by)}" if self.group_by else ""
        order = "ASC" if self.smallest_first else "DESC"
        value = f"{quoted(self.by)}::DOUBLE" if self.by else "0::DOUBLE"
        columns = ["id", "unit", *(SCORES if self.match is not None else ())]
        # Ties are broken by id's hash, so that the choice depends neither on sharding nor on the order of sources.
        return f"""
            WITH ranked AS (
                SELECT {", ".join(columns)}, {value} AS value,
                       row_number() OVER best AS rank, count(*) OVER (best RANGE BETWEEN UNBOUNDED PRECEDING
                                                                      AND UNBOUNDED FOLLOWING) AS total
                FROM rows
                WINDOW best AS ({groups} ORDER BY {value} {order} NULLS LAST, md5(id))
            )
            SELECT id, unit, CASE {" ".join(self._reasons())} END AS reason, rank FROM ranked
        """

    def summary(self, rows: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """The distribution of ``by`` and the share kept, for each task and language."""
        return summarise(rows, quoted(self.by), self.decide(rows)) if self.by else {}

    def explanation(self, summary: Mapping[str, Any]) -> str:
        return written_out(summary) if summary else ""

    def _reasons(self) -> list[str]:
        """Branches of a CASE; the first that holds is the reason why a row is rejected."""
        reasons = [f"WHEN value IS NULL THEN 'no {self.by}'"]
        if self.at_least is not None:
            reasons.append(f"WHEN value < {self.at_least} THEN '{self.by} below {self.at_least:g}'")
        if self.at_most is not None:
            reasons.append(f"WHEN value > {self.at_most} THEN '{self.by} above {self.at_most:g}'")
        if self.match is not None:
            for column, (lowest, highest) in zip(SCORES, SUITS[self.match], strict=True):
                reasons.append(f"WHEN {column} IS NULL THEN 'no {column}'")
                reasons.append(f"WHEN {column} < {lowest} THEN '{column} too low for {self.match}'")
                reasons.append(f"WHEN {column} > {highest} THEN '{column} too high for {self.match}'")
        if self.share is not None:
            share = at_round(self.share, 1)
            reasons.append(f"WHEN rank > ceil({share} * total) THEN 'not among the best {share:.0%}'")
        if self.top is not None:
            reasons.append(f"WHEN rank > {self.top} THEN 'not among the best {self.top}'")
        return reasons
