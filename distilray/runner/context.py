"""What every stage of a run shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from distilray.errors import DistilrayError
from distilray.ledger import Lease
from distilray.storage import Store

LEAST_UNIT_ROWS = 256


class Resources(BaseModel):
    """What a run may use, and how its rows are divided into units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit_rows: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto",
        description="rows of one unit: read, retried and published as one; auto: 256 to 16,384, for about 10,000 units "
        "of at most 64 MB of text each, fixed when the run first reads its sources",
    )
    runners: int | Literal["auto"] = Field(
        default="auto", description="number of row runners; auto: as many as keep every engine busy"
    )
    runner_cpus: float = Field(default=0.25, gt=0, description="CPUs reserved for each runner")
    rows_in_flight: int | Literal["auto"] = Field(
        default="auto",
        description="rows being processed at once by all runners together; auto: 1.5 x replicas x max_num_seqs, "
        "summed over a phase's models",
    )
    open_mib: int = Field(default=256, ge=1, description="most data of the units that one runner has open at once, MiB")
    num_cpus: int | None = Field(
        default=None, ge=1, description="CPUs of a local cluster; default: all of this machine"
    )
    object_store_gib: float = Field(default=0.5, gt=0, description="object store of a local cluster, GiB")
    keep_replies: bool = Field(
        default=True,
        description="keep each unit's replies, compressed, so that a changed step pays only for its new requests",
    )
    memory_limit_gib: float = Field(
        default=2.0, gt=0, description="memory of a global step before it spills to disk, GiB"
    )

    @property
    def rows_per_unit(self) -> int:
        """``unit_rows``; until a run has fixed it, the fewest that auto gives."""
        return LEAST_UNIT_ROWS if self.unit_rows == "auto" else self.unit_rows


class Budget(BaseModel):
    """When to stop: a run that stopped at a limit resumes when the limit is raised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int | None = Field(default=None, ge=1, description="tokens in and out, all models together")
    money: float | None = Field(default=None, gt=0, description="in the currency of the models' prices")
    failed_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="stop after a step in which more than this share of at least 20 rows failed, and during it once it "
        "is more than this share of the first 100",
    )


@dataclass
class Context:
    """One driver at work on one run."""

    store: Store
    lease: Lease
    resources: Resources
    budget: Budget
    seed: int = 0
    run: str = "run"
    """The run's id: engines that a former driver of it left behind are found by it."""
    logs: str | None = None
    """Directory, on every node, for what engines and runners print."""
    on_progress: Callable[[dict[str, Any]], None] = lambda progress: None


class RunStopped(DistilrayError):
    """The run stopped cleanly before its end; running it again resumes it."""

    exit_code = 3
    prefix = "stopped: "
