"""Select: keep the rows whose score is high enough, or the best share or number of them (post A.4)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import duckdb
from pydantic import Field, model_validator

from distilray.steps.whole_set import GlobalStep


class Select(GlobalStep):
    """Keeps rows by the column ``by``: at least a threshold, the best share, the best so many; or several at once."""

    writes: ClassVar = {"rank": "int"}

    by: Annotated[
        str, Field(pattern=r"^\w+$", description="column to judge rows by; a row without a value is rejected")
    ]
    at_least: Annotated[float | None, Field(description="lowest value that stays")] = None
    at_most: Annotated[float | None, Field(description="highest value that stays")] = None
    share: Annotated[float | None, Field(gt=0, le=1, description="best share that stays, 0 to 1")] = None
    top: Annotated[int | None, Field(ge=1, description="how many of the best stay")] = None
    within: Annotated[
        tuple[str, ...], Field(description="columns whose values form groups; share and top hold in each")
    ] = ()
    smallest_first: Annotated[bool, Field(description="the smallest values are the best")] = False

    @model_validator(mode="after")
    def _something_to_do(self) -> Select:
        if self.at_least is None and self.at_most is None and self.share is None and self.top is None:
            raise ValueError("nothing to select by: give at_least, at_most, share or top")
        return self

    def columns_read(self) -> set[str]:
        return {self.by, *self.within}

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        groups = f"PARTITION BY {', '.join(_quoted(name) for name in self.within)}" if self.within else ""
        order = "ASC" if self.smallest_first else "DESC"
        limits = []
        if self.share is not None:
            limits.append(f"WHEN rank > ceil({self.share} * total) THEN 'not among the best {self.share:.0%}'")
        if self.top is not None:
            limits.append(f"WHEN rank > {self.top} THEN 'not among the best {self.top}'")
        bounds = [f"WHEN value IS NULL THEN 'no {self.by}'"]
        if self.at_least is not None:
            bounds.append(f"WHEN value < {self.at_least} THEN '{self.by} below {self.at_least:g}'")
        if self.at_most is not None:
            bounds.append(f"WHEN value > {self.at_most} THEN '{self.by} above {self.at_most:g}'")
        # Ties are broken by id's hash, so that the choice depends neither on sharding nor on the order of sources.
        return f"""
            WITH ranked AS (
                SELECT id, unit, {_quoted(self.by)}::DOUBLE AS value,
                       row_number() OVER best AS rank, count(*) OVER (best RANGE BETWEEN UNBOUNDED PRECEDING
                                                                      AND UNBOUNDED FOLLOWING) AS total
                FROM rows
                WINDOW best AS ({groups} ORDER BY {_quoted(self.by)}::DOUBLE {order} NULLS LAST, md5(id))
            )
            SELECT id, unit, CASE {" ".join(bounds + limits)} END AS reason, rank FROM ranked
        """


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
