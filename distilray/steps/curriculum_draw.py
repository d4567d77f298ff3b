"""CurriculumDraw: selects the rows of a curriculum's next training, a set share of them hard (TAPIR, Yue et al. 2024,
arXiv 2405.13448).

    curriculum_draw: {by: student_score, hard_at_most: 0.5, hard_share: [0.3, 0.5, 0.7], share: 0.5}

No row leaves: ``drawn`` is ``hard`` or ``easy`` for the rows that were drawn and null for the others, so that a
training selects them by ``rows: drawn is not null`` and the next round draws from all rows again, with the student's
new scores. Easy rows stay in every draw so that the student does not forget.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import duckdb
from pydantic import Field, model_validator

from distilray.steps.global_step import SHARES, ByRound, GlobalStep, at_round, quoted


class CurriculumDraw(GlobalStep):
    """Draws rows of which a set share is hard; if there are too few of one kind, the other fills up.

    A row is hard where ``by`` is at most ``hard_at_most``; one without a value, as all have in the first round of a
    repeat whose student has not been asked yet, counts as easy. Rows are drawn by a hash of the id and the round, so
    the draw depends neither on sharding nor on the order of rows, and each round draws others.
    """

    writes: ClassVar = {"drawn": "string"}
    counted_columns: ClassVar = ("drawn",)

    by: Annotated[str, Field(pattern=r"^\w+$", description="column that measures how well the student does")]
    hard_at_most: Annotated[float, Field(description="highest value of `by` at which a row is hard")] = 0.5
    hard_share: Annotated[
        float | tuple[float, ...],
        SHARES,
        ByRound(),
        Field(description="share of the drawn rows that are hard, 0 to 1; a list has one for each round of a repeat"),
    ]
    share: Annotated[
        float | tuple[float, ...] | None,
        SHARES,
        ByRound(),
        Field(description="share of all rows that are drawn, 0 to 1; a list has one for each round of a repeat"),
    ] = None
    top: Annotated[int | None, Field(ge=1, description="how many rows are drawn; this or share")] = None
    group_by: Annotated[
        tuple[str, ...], Field(description="columns whose values form groups; share, top and hard_share hold in each")
    ] = ()
    round: Annotated[int, Field(ge=1, description="which draw this is; a repeat counts its rounds itself")] = 1

    @model_validator(mode="after")
    def _how_many(self) -> CurriculumDraw:
        if (self.share is None) == (self.top is None):
            raise ValueError("give either share (of all rows) or top (a number of rows)")
        return self

    def columns_read(self) -> set[str]:
        return set(self.group_by)

    def columns_awaited(self) -> set[str]:
        return {self.by}

    def in_round(self, number: int) -> CurriculumDraw:
        return super().in_round(number).model_copy(update={"round": number})

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        groups = [quoted(name) for name in self.group_by]
        each = f"PARTITION BY {', '.join(groups)}" if groups else ""
        size = f"least({self.top}, total)" if self.top else f"ceil({at_round(self.share or 0, 1)} * total)::BIGINT"
        return f"""
            WITH told AS (
                SELECT id, unit, {"".join(f"{name}, " for name in groups)}
                       coalesce({quoted(self.by)}::DOUBLE <= {self.hard_at_most}, false) AS hard
                FROM rows
            ), placed AS (
                SELECT id, unit, hard, count(*) OVER ({each}) AS total,
                       sum(hard::BIGINT) OVER ({each})::BIGINT AS hard_total,
                       row_number() OVER (PARTITION BY {", ".join([*groups, "hard"])}
                                          ORDER BY md5(id || '/draw-{self.round}')) AS place
                FROM told
            ), sized AS (
                SELECT *, {size} AS size,
                       least(hard_total, greatest(round({at_round(self.hard_share, 1)} * {size})::BIGINT,
                                                  {size} - (total - hard_total))) AS of_hard
                FROM placed
            )
            SELECT id, unit, NULL::VARCHAR AS reason,
                   CASE WHEN hard AND place <= of_hard THEN 'hard'
                        WHEN NOT hard AND place <= size - of_hard THEN 'easy' END AS drawn
            FROM sized
        """
