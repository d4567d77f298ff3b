"""A run as an object: what its steps kept and rejected, their tables, its results and its student.

run = dr.open_run("runs/quickstart")
run.outcomes["check"].reasons                          # {"rejected: wrong answer": 12}
run.table("check", ["id", "answer"], outcome="rejected")
run.evaluations[0].value
"""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from distilray.api.tables import step_table
from distilray.checkpoints import checkpoint_address
from distilray.errors import InputError
from distilray.evaluate import Result, read_results
from distilray.ledger import StepCounts
from distilray.report import status, write_report
from distilray.serve import chat
from distilray.storage import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas

Outcomes = dict[str, StepCounts]


class NotARun(InputError, FileNotFoundError):
    """The directory holds no run."""


class PandasMissing(InputError, ImportError):
    """pandas was asked for and is not installed."""


def open_run(directory: str | PathLike[str]) -> Run:
    """A handle of the run in ``directory`` (a path or any pyarrow filesystem URI), finished or not."""
    store = Store.reach(fspath(directory))
    if not store.exists("run.json"):
        raise NotARun(f"{store.shown} is not a run directory: it has no run.json")
    return Run(store)


class Run:
    """A run, finished or not. Every attribute is read from its directory when it is accessed."""

    def __init__(self, store: Store, results: Sequence[Result] | None = None) -> None:
        """``results``: those of the recipe that has just run; None: all in the directory."""
        self.store, self._results = store, results

    @property
    def directory(self) -> str:
        return self.store.shown

    @property
    def state(self) -> str:
        """``running``, ``finished`` or ``interrupted``."""
        return status(self.store)["state"]

    @property
    def outcomes(self) -> Outcomes:
        """The counts of every step, by its name: rows_in, created, kept, rejected, failed, reasons, tokens. Those of a
        step in a repeat are summed over the rounds."""
        outcomes: Outcomes = {}
        for step in status(self.store)["steps"]:
            counts = StepCounts.from_json(step)
            name = counts.name
            outcomes[name] = outcomes[name].add(counts) if name in outcomes else counts
        return outcomes

    def table(
        self,
        step: str,
        columns: Sequence[str] | None = None,
        outcome: Literal["kept", "rejected", "failed"] | None = "kept",
    ) -> pa.Table:
        """Rows that entered ``step`` (``"sources"`` for what came in) and left it as ``outcome``; None: all of them.

        ``outcome`` and ``reason`` in the table are those of this step. A row that left it rejected or failed has the
        columns that it had then. Steps of one phase write one file, so rows that continued also have what later steps
        of the phase wrote.
        """
        return step_table(self.store, step, columns, outcome)

    def pandas(
        self,
        step: str,
        columns: Sequence[str] | None = None,
        outcome: Literal["kept", "rejected", "failed"] | None = "kept",
    ) -> pandas.DataFrame:
        """Like :meth:`table`, as a pandas data frame."""
        try:
            import pandas  # noqa: F401
        except ImportError as error:
            raise PandasMissing("pandas is not installed; install it, or use .table(), which needs none") from error
        return self.table(step, columns, outcome).to_pandas()

    @property
    def evaluations(self) -> list[Result]:
        """Results of benchmarks: model, benchmark, metric, value, stderr, mean_output_tokens, ..."""
        return read_results(self.store) if self._results is None else list(self._results)

    @property
    def student(self) -> str | None:
        """Path or URI of the last training's checkpoint; None if there is none (yet)."""
        student = self.store.read_json("run.json").get("student")
        return None if student is None else checkpoint_address(self.store, student)

    def report(self) -> str:
        """Writes the run's report, one HTML page, and returns its path."""
        return str(write_report(self.store))

    def chat(self, once: str | None = None) -> int:
        """Talks to the student in the terminal, or asks it the question ``once``. Returns 0 if it answered."""
        return chat(self.directory, once=once)

    def __repr__(self) -> str:
        return f"<run {self.directory}, {self.state}>"
