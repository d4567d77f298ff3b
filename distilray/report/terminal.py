"""The progress of a run, on a terminal (one live line under finished ones) or in a log (lines now and then).

01-answer+check+judge  ████████░░░░  9/16 units  1.2/s  ETA 0:06   teacher 4,210 tok/s  judge 5,027 tok/s
                       answer 2,304 kept   check 2,190 kept 114 rejected   judge 2,101 kept

A log gets a line when a stage starts and when it is done, and while it runs one every ten seconds, later every thirty,
which fits into one row of a terminal: 01-answer+check+judge: 9/16 units  ETA 0:06  2,101 kept 114 rejected
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from distilray.ledger import Manifest
from distilray.report.numbers import duration, scored

if TYPE_CHECKING:
    from distilray.driver import Event
    from distilray.evaluate import Result
    from distilray.storage import Store

LOG_EVERY_S = (10.0, 30.0)
"""Seconds between two lines of a log, in the first minute of a stage and later."""
LINE = 118
"""Longest line about progress in a log."""
NAME = 34
"""Longest name of a stage in it."""
PLAIN_COLUMNS = 200
"""Width of the output without a terminal: a log or a program wants whole lines."""


def stdout() -> Console:
    """The console that commands print to: as wide as the terminal, or wide enough for whole lines."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_COLUMNS)


class TerminalView:
    """Listens to a driver and shows its progress. A context manager."""

    def __init__(self, store_of: Any = None, console: Console | None = None) -> None:
        self.console = console or stdout()
        self.store: Store | None = store_of
        self.started: dict[str, float] = {}
        self.live: Live | None = None
        self.last_logged = time.monotonic()
        self.over = threading.Event()
        self.ticker: threading.Thread | None = None
        self.last: tuple[str, dict[str, Any]] | None = None
        self.noted = ""
        """The last note, as long as no stage has started since."""
        self.calm = not self.console.is_terminal

    def __enter__(self) -> TerminalView:
        if not self.calm:
            self.live = Live(Text(""), console=self.console, refresh_per_second=4, transient=True)
            self.live.__enter__()
        else:
            self.ticker = threading.Thread(target=self._tick, name="progress-lines", daemon=True)
            self.ticker.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.live is not None:
            self.live.__exit__(*error)
        if self.ticker is not None:
            self.over.set()
            self.ticker.join()

    def where(self) -> str:
        """The last known progress: ``" in 01-answer+check, 3 of 7 units done"``; or nothing."""
        if self.last is None:
            return ""
        stage, at = self.last
        return f" in {stage}" + (f", {at['done']:,} of {at['total']:,} {at['unit']} done" if at else "")

    def __call__(self, event: Event) -> None:
        match event.kind:
            case "started":
                self.last, self.noted = (event.stage, {}), ""
                self.started[event.stage] = time.monotonic()
                self._show(_line(event.stage, "starting ..."))
                if self.calm:
                    self._print(_line(event.stage, "started"))
            case "progress":
                self.last = event.stage, event.details
                self._show(_progress_block(event.stage, event.details))
            case "done":
                self.last, self.noted = None, ""
                seconds = time.monotonic() - self.started.get(event.stage, time.monotonic())
                self._print(self._done(event.stage, seconds))
                self._show(Text(""))
            case "note":
                self.noted, self.started[event.text] = event.text, time.monotonic()
                self._print(event.text)

    def _show(self, what: Any) -> None:
        if self.live is not None:
            self.live.update(what)

    def _print(self, line: Text | str) -> None:
        self.last_logged = time.monotonic()
        self.console.print(line, soft_wrap=True)

    def _tick(self) -> None:
        """A log in which nothing appears looks like a program that hangs."""
        while not self.over.wait(1.0):
            now = time.monotonic()
            last = self.last or ((self.noted, {}) if self.noted else None)
            seconds = now - self.started.get(last[0], now) if last else 0.0
            if last and now - self.last_logged >= LOG_EVERY_S[seconds > 60]:
                self._print(plain_progress(*last, seconds))

    def _done(self, stage: str, seconds: float) -> Text:
        line = _line(stage, "")
        manifest = self._manifest(stage)
        if manifest is None:
            return line.append(f"done  {duration(seconds)}", "dim")
        if manifest.kind == "training":
            return line.append(f"trained  {duration(manifest.seconds)}", "dim")
        for step in manifest.steps:
            line.append(f"{step.name} ", "bold")
            line.append(_counts(step.kept, step.rejected, step.failed) + "  ")
        tokens = sum(model["tokens_out"] for model in manifest.models.values())
        if tokens:
            line.append(f"{tokens:,.0f} tokens  ", "dim")
        return line.append(duration(manifest.seconds), "dim")

    def _manifest(self, stage: str) -> Manifest | None:
        if self.store is None:
            return None
        for folder in (stage, f"steps/{stage}", "steps/00-sources" if stage == "sources" else stage):
            found = Manifest.read(self.store, folder)
            if found is not None:
                return found
        return None


def _line(stage: str, text: str) -> Text:
    return Text.assemble((f"{stage:<32} ", "cyan"), text)


def _counts(kept: int, rejected: int, failed: int) -> str:
    words = [f"{kept:,} kept"]
    if rejected:
        words.append(f"{rejected:,} rejected")
    if failed:
        words.append(f"{failed:,} failed")
    return " ".join(words)


def _progress_block(stage: str, details: dict[str, Any]) -> Group:
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(stage, "cyan"),
        ProgressBar(total=max(details["total"], 1), completed=details["done"], width=24),
        _numbers(details),
    )
    return Group(bar, Text("  " + _steps(details), "dim"))


def _numbers(details: dict[str, Any]) -> str:
    if details.get("waiting"):
        return f"waiting for {details['waiting']}"
    eta = duration(details["eta_s"]) if details.get("eta_s") is not None else "?"
    words = [f"{details['done']:,}/{details['total']:,} {details['unit']}", f"ETA {eta}"]
    if "loss" in details:
        words += [f"loss {details['loss']:.3f}", f"{details['tokens_per_s']:,.0f} tok/s"]
        shown = (("mfu", "MFU {:.1%}"), ("grad_norm", "grad {:.2g}"), ("learning_rate", "lr {:.2g}"))
        words += [text.format(details[name]) for name, text in shown if details.get(name) is not None]
        if details.get("memory_gib"):
            words.append(f"{details['memory_gib']:.1f} GiB")
    words += [f"{name} {model['tokens_per_s']:,.0f} tok/s" for name, model in details["models"].items()]
    return "  ".join(words)


def _steps(details: dict[str, Any]) -> str:
    return "   ".join(
        f"{step['name']} {_counts(step['kept'], step['rejected'], step['failed'])}"
        for step in details["steps"]
        if "kept" in step
    )


def plain_progress(stage: str, details: dict[str, Any], seconds: float) -> str:
    """One short line: the last step's kept rows, and what all steps have rejected and failed. ``seconds``: since the
    stage started; ``details``: see :class:`distilray.driver.Event`, or nothing yet."""
    name = stage if len(stage) <= NAME else f"{stage[: NAME - 13]}…{stage[-12:]}"
    if not details or details.get("waiting"):
        waiting = f"waiting for {details['waiting']}, " if details else ""
        return _cropped(f"{name}: {waiting}{duration(seconds)} so far")
    steps = [step for step in details["steps"] if "kept" in step]
    rows = ""
    if steps:
        rows = "  " + _counts(
            steps[-1]["kept"], *(sum(step[kind] for step in steps) for kind in ("rejected", "failed"))
        )
    rates = [f"  {model} {usage['tokens_per_s']:,.0f} tok/s" for model, usage in details["models"].items()]
    return _cropped(f"{name}: {_numbers(details | {'models': {}})}{rows}{''.join(rates)}")


def _cropped(line: str) -> str:
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"


def results_table(results: Sequence[Result]) -> Table:
    """Models side by side: accuracy with its standard error, and the mean tokens that it took."""
    table = Table(title=None, show_edge=False, pad_edge=False, box=None, header_style="bold")
    table.add_column("benchmark")
    table.add_column("model")
    table.add_column("accuracy", justify="right")
    table.add_column("± std. error", justify="right")
    table.add_column("mean output tokens", justify="right")
    table.add_column("questions", justify="right")
    for result in results:
        table.add_row(
            result.benchmark,
            result.model.replace("_", " "),
            scored(result.value, result.highest),
            scored(result.stderr, result.highest),
            f"{result.mean_output_tokens:.1f}",
            f"{result.questions:,}",
        )
    return table
