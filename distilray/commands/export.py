"""Export a run's rows for other trainers, with a dataset card.

distilray export runs/quickstart --form messages --out data/quickstart
"""

from __future__ import annotations

import argparse

from distilray.commands.status import existing_run

NAME, HELP = "export", "export a run's kept rows with a dataset card"
FORMS = ("messages", "sharegpt", "alpaca", "prompt_completion", "preference")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("--out", required=True, help="where to: a folder or any pyarrow filesystem URI")
    parser.add_argument("--form", choices=FORMS, default="messages", help="default: messages, as TRL and HF read it")
    parser.add_argument("--format", choices=("parquet", "jsonl"), default="parquet")
    parser.add_argument("--system", help="system prompt to put before every conversation")
    parser.add_argument("--think", action="store_true", help="reasoning in a <think> block before the answer")
    parser.add_argument("--columns", nargs="*", default=(), help="further columns to hand on")


def call(options: argparse.Namespace) -> int:
    from distilray.driver.export import export_run

    exported = export_run(
        existing_run(options.run),
        options.out,
        form=options.form,
        format=options.format,
        system=options.system,
        think=options.think,
        columns=options.columns,
    )
    left_out = exported.skipped.total()
    print(f"{exported.rows:,} rows in {len(exported.files)} files in {options.out} ({left_out:,} left out)")
    return 0
