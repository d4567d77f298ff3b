"""The result of `distilray try`: for each row the prompt that the model got, the raw reply, and the step's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

if TYPE_CHECKING:
    from distilray.driver import PreviewedRow

COLOURS = {"kept": "green", "rejected": "yellow", "failed": "red"}


def show_preview(rows: Sequence[PreviewedRow], step: str, console: Console) -> None:
    for shown in rows:
        console.print(Rule(f"{shown.row.id}", align="left", style="dim"))
        if shown.stopped_at is not None and shown.outcome is not None:
            ended = f"{shown.outcome.kind} at {shown.stopped_at}: {shown.outcome.reason}"
            console.print(f"did not reach {step}: {escape(ended)}")
            continue
        for k, asked in enumerate(shown.asked, 1):
            console.print(f"[bold cyan]prompt {k} to {asked.model}[/]")
            for message in asked.messages:
                console.print(f"[dim]{message['role']}[/] {escape(message['content'])}", soft_wrap=True)
            for reply in asked.replies:
                about = f"{reply.finish_reason}, {reply.tokens_in} tokens in, {reply.tokens_out} out"
                console.print(f"[bold cyan]reply[/] [dim]({about})[/]")
                console.print(escape(reply.text), soft_wrap=True)
        assert shown.outcome is not None
        colour = COLOURS[shown.outcome.kind]
        reason = f": {shown.outcome.reason}" if shown.outcome.reason else ""
        console.print(f"[bold {colour}]{shown.outcome.kind}[/]{escape(reason)}")
        for name, value in shown.outcome.columns.items():
            console.print(f"  [dim]{name}[/] {escape(repr(value))}", soft_wrap=True)
