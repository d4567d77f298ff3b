"""The findings as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from distilray.cli.checkup.finding import Finding


def show(findings: list[Finding], console: Console) -> None:
    """Print one line for each finding, its remedy under it."""
    colour = {"ok": "green", "look": "yellow", "stop": "red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    for finding in findings:
        found = finding.found + (f"\n[{colour[finding.mark]}]-> {finding.remedy}[/]" if finding.remedy else "")
        table.add_row(finding.what, found, f"[{colour[finding.mark]}]{finding.mark}[/]")
    console.print(table)
