"""Export a run's rows for other trainers, with a dataset card; or its student, quantised or to a model hub.

distilray export runs/quickstart
distilray export runs/quickstart --form messages --out data/quickstart
distilray export runs/quickstart --student --out models/quickstart
distilray export runs/quickstart --compress int8
distilray export runs/quickstart --compress int8 --push owner/quickstart-int8
"""

from __future__ import annotations

import argparse
from typing import get_args

from distilray.checkpoints import checkpoint_address, resolve_path
from distilray.cli.run_directory import existing_run
from distilray.driver import export_run
from distilray.errors import counted
from distilray.export import EXPORT_FORMS, SCHEMES, FileFormat, export_student, push


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument(
        "--out", help="target folder, for rows any pyarrow filesystem URI (default: export/FORM in the run directory)"
    )
    rows = parser.add_argument_group("rows")
    rows.add_argument(
        "--form", choices=EXPORT_FORMS, default="messages", help="default: messages, which TRL and Hugging Face read"
    )
    rows.add_argument("--format", choices=get_args(FileFormat), default="parquet", help="default: parquet")
    rows.add_argument("--system", help="system prompt for conversations that have none")
    rows.add_argument("--think", action="store_true", help="reasoning in a <think> block before the answer")
    rows.add_argument("--columns", nargs="*", default=(), help="further columns to export")
    student = parser.add_argument_group("the student")
    student.add_argument("--student", action="store_true", help="export the student's checkpoint, not rows")
    student.add_argument("--training", metavar="NAME", help="the student of this training (default: the newest)")
    student.add_argument("--compress", choices=SCHEMES, help="quantise it, calibrated on the training's rows")
    student.add_argument("--push", metavar="OWNER/NAME", help="upload it to the model hub as a private model")
    student.add_argument("--public", action="store_true", help="make the uploaded model public")


def call(options: argparse.Namespace) -> int:
    if options.student or options.compress or options.push:
        return _student(options)
    store = existing_run(options.run)
    out = options.out or checkpoint_address(store, f"export/{options.form}")
    exported = export_run(
        store,
        out,
        form=options.form,
        format=options.format,
        system=options.system,
        think=options.think,
        columns=options.columns,
    )
    rows, files = counted(exported.rows, "row"), counted(len(exported.files), "file")
    print(f"{rows} in {files} in {out} ({exported.skipped.total():,} left out)")
    return 0


def _student(options: argparse.Namespace) -> int:
    store = existing_run(options.run)
    out = export_student(store, options.out, training=options.training, scheme=options.compress)
    print(f"student in {out}")
    if options.push:
        print(f"pushed to {push(resolve_path(out), options.push, private=not options.public)}")
    return 0
