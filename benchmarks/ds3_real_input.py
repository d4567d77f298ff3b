"""Real texts through every step on traces: are all rows accounted for, and does a kill cost or double any?

    python -m benchmarks.ds3_real_input --data DIR [--rows 2000]

DIR holds ``instructions/gsm8k/*.jsonl``, ``instructions/cmath/*.jsonl`` and ``tokenizer/qwen2.5``. Three sources: gsm8k
problems with their worked solutions as traces; cmath with its bare results, which is as terse as a trace can be; cmath
again without answers, so that a teacher writes them. The models are one random Qwen2 under the real tokenizer: its
replies are noise, so the verifier and the parsers have everything to reject, while prompts, lengths and token counts
are real.

The recipe is run twice: once undisturbed, once with the driver killed (SIGKILL) in the middle of the loop and started
again. Then: the ledger reconciles, every record of the sources is in exactly one row, what was kept is right by the
record's own result, and both runs agree row by row.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

import distilray as dr
from benchmarks import record
from benchmarks.killed import finish, kill_and_resume, published, start
from benchmarks.random_model import random_model
from distilray.ledger import Manifest, reconcile
from distilray.storage import Store

FIELDS = ("rows_in", "created", "kept", "rejected", "failed")
NUMBER = r"-?\d[\d,]*(?:\.\d+|/\d+)?%?"


def main() -> None:
    parser = record.command_line(__doc__, "ds3_real_input.json")
    parser.add_argument("--data", type=Path, required=True, help="folder with instructions/ and tokenizer/")
    parser.add_argument("--rows", type=int, default=2000, help="rows of gsm8k")
    parser.add_argument("--directory", type=Path, help="keep the runs here; default: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = options.directory or Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        recipe = write_recipe(directory, options.data.resolve(), options.rows)
        whole = undisturbed(recipe, directory / "whole")
        killed = killed_and_resumed(recipe, directory / "killed")
        result = {
            "gsm8k_rows": options.rows,
            "whole": whole | account(directory / "whole", options.data, options.rows),
            "killed": killed | account(directory / "killed", options.data, options.rows),
            "rows_that_differ": differing(directory / "whole", directory / "killed"),
        }
    record.write(options.out, result)
    print(table(result))


def write_recipe(directory: Path, data: Path, rows: int) -> Path:
    random_model("64k", directory / "model", tokenizer=data / "tokenizer" / "qwen2.5")
    place = directory / "recipe.yaml"
    place.write_text(recipe_of(directory / "model", data / "instructions", rows).to_yaml(), "utf-8")
    return place


def recipe_of(model: Path, instructions: Path, rows: int) -> dr.Recipe:
    steps, tokenizer = dr.steps, str(model)
    # fp32, so that a row's replies do not depend on its company; noise ends at an n, which no rating has
    tiny = dr.VLLMModel(
        path=str(model),
        dtype="float32",
        cpus=0.75,
        threads=2,
        max_num_seqs=64,
        max_model_len=1024,
        sampling=dr.Sampling(max_tokens=256, temperature=0.0, stop=(".", "。", "n")),
        engine={"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}},
    )
    gsm8k = dr.Source(
        name="gsm8k",
        path=str(instructions / "gsm8k" / "*.jsonl"),
        form="trace",
        reference_pattern="#### (.+)$",
        trace_pattern=r"(?s)(?P<reasoning>.+)\n#### (?P<answer>.+)",
        task="math",
        limit=rows,
    )
    cmath = {"instruction": "input", "reference": "golden"}
    files: dict[str, Any] = {"path": str(instructions / "cmath" / "*.jsonl"), "task": "math"}
    return dr.Recipe(
        name="ds3-real-input",
        models={"tiny": tiny},
        sources=[
            gsm8k,
            dr.Source(name="cmath-bare", columns={**cmath, "answer": "golden"}, **files),
            dr.Source(name="cmath", columns=cmath, **files),
        ],
        steps=[
            steps.Answer(model="tiny", unanswered_only=True),
            steps.ShortenTrace(model="tiny", tokenizer=tokenizer, above=250),
            steps.RateTrace(model="tiny"),
            steps.AlignTrace(judge="tiny", rewriter="tiny", tokenizer=tokenizer, max_rounds=2),
            steps.ScoreTrace(model="tiny"),
            steps.CognitivePairs(model="tiny", samples=2),
            steps.InlineTrace(),
            steps.Select(match="14B"),
        ],
        resources=dr.Resources(unit_rows=64),
    )


def undisturbed(recipe: Path, run: Path) -> dict[str, Any]:
    log, done = run.with_suffix(".log"), run.with_suffix(".json")
    if not done.exists():  # an earlier call with this --directory may have ended it
        started = time.monotonic()
        finish(start(recipe, str(run), log), log)
        done.write_text(json.dumps({"seconds": round(time.monotonic() - started, 1)}))
    return json.loads(done.read_text())


def killed_and_resumed(recipe: Path, run: Path) -> dict[str, Any]:
    shutil.rmtree(run, ignore_errors=True)  # a kill that was not seen proves nothing
    killed = kill_and_resume(recipe, str(run), run.with_suffix(".log"))
    spent = loop(run).models["tiny"]
    return {**killed.to_json(), "replies": spent["replies"], "replies_replayed_from_the_log": spent["replayed"]}


def loop(run: Path) -> Manifest:
    [folder] = run.glob("steps/01-*")
    manifest = Manifest.read(Store(str(run)), f"steps/{folder.name}")
    assert manifest is not None
    return manifest


def rows_of(run: Path) -> list[dict[str, Any]]:
    return ds.dataset([str(run / path) for path in published(Store(str(run)))]).to_table().to_pylist()


def account(run: Path, data: Path, rows: int) -> dict[str, Any]:
    """Are all records of the sources there, once; do the counts agree; is what was kept right?"""
    found = rows_of(run)
    parents = [row for row in found if row["parent"] is None]
    ids = Counter(row["id"] for row in found)
    aligned = [row for row in parents if row["ratings"] and row["stopped_at"] != "align_trace"]
    report = reconcile(Store(str(run)), deep=True)
    outcomes = dr.open_run(str(run)).outcomes
    return {
        "records": expected(data, rows),
        "rows": dict(sorted(Counter(row["source"] for row in parents).items())),
        "ids_doubled": sum(count > 1 for count in ids.values()),
        "pairs": len(found) - len(parents),
        "reconciled": report.ok,
        "problems": report.problems,
        "outcomes": dict(Counter(f"{row['stopped_at'] or 'end'}: {row['reason'] or row['outcome']}"[:90]
                                 if row["outcome"] != "failed" else f"{row['stopped_at']}: failed" for row in parents)),
        "aligned": len(aligned),
        "aligned_and_wrong": sum(not right(row) for row in aligned),
        "steps": [
            {"name": name, **{field: getattr(counts, field) for field in FIELDS}} for name, counts in outcomes.items()
        ],
    }  # fmt: skip


def expected(data: Path, rows: int) -> dict[str, int]:
    """Records of each source, counted without the reader."""
    lines = {
        name: sum(bool(line.strip()) for path in (data / "instructions" / name).glob("*.jsonl") for line in path.open())
        for name in ("gsm8k", "cmath")
    }
    return {"cmath": lines["cmath"], "cmath-bare": lines["cmath"], "gsm8k": min(rows, lines["gsm8k"])}


def right(row: dict[str, Any]) -> bool:
    """By a reading of our own, not the verifier's: the last number of the final trace is the record's result."""
    numbers = [number(found) for found in re.findall(NUMBER, row["traces"][-1])]
    return bool(numbers) and numbers[-1] == number(row["reference"])


def number(text: str) -> Fraction | None:
    """``1,200``, ``0.5`` or ``1/72`` as an exact number; ``5%`` is 5, for many records leave the sign off."""
    above, _, below = text.replace(",", "").removesuffix("%").partition("/")
    if not above or (below and not int(below)):
        return None
    return Fraction(above) / (int(below) if below else 1)


def differing(one: Path, other: Path) -> int:
    """Rows of two runs whose outcome or text is not the same."""
    columns = ("outcome", "stopped_at", "reason", "answer", "reasoning", "ratings", "rewrites", "rejected_answer")
    first, second = ({row["id"]: [row[name] for name in columns] for row in rows_of(run)} for run in (one, other))
    return sum(first.get(key) != second.get(key) for key in first.keys() | second.keys())


def table(result: dict[str, Any]) -> str:
    lines = []
    for name in ("whole", "killed"):
        found = result[name]
        lines.append(
            f"{name}: {found['rows']} rows of {found['records']} records, {found['ids_doubled']} doubled, "
            f"{found['pairs']} pairs, reconciled: {found['reconciled']}, "
            f"aligned {found['aligned']}, of these wrong {found['aligned_and_wrong']}"
        )
    killed = result["killed"]
    lines.append(
        f"killed at {killed['units_published_before_the_kill']} of {killed['units']} units; written again: "
        f"{killed['units_written_again']}; replies replayed {killed['replies_replayed_from_the_log']:.0f} of "
        f"{killed['replies']:.0f}; rows that differ from the undisturbed run: {result['rows_that_differ']}"
    )
    lines += [f"  {step}" for step in killed["steps"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
