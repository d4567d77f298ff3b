"""Whether a change of the code changed what comes out: the practice recipes' rows, counts and students as hashes.

    python benchmarks/same_runs.py take --into /tmp/before.json         # in a checkout of the old code, twice
    python benchmarks/same_runs.py take --into /tmp/after.json          # in a checkout of the new code
    python benchmarks/same_runs.py compare /tmp/before.json /tmp/before2.json /tmp/after.json

Every recipe runs with one training worker and in fp32. What a run wrote is hashed column by column (rows in the order
of their ids), step by step, with the weights of every student. `compare` takes what agrees between the first two
files (engines batch requests as they come, so a reply may differ between two runs of the same code) and reports where
the third differs; `--rename old=new` says which columns and folders have a new name. It reads run directories alone,
so that it takes old and new code alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]

RECIPES: dict[str, list[str]] = {
    "quickstart": ["train.sft.resources.workers=1", "models.teacher.dtype=float32", "models.judge.dtype=float32"],
    "practice_ds3": [
        "train.sft.resources.workers=1",
        "train.cogpo.resources.workers=1",
        "models.judge.dtype=float32",
        "models.student.dtype=float32",
    ],
    "practice_kd": ["train.distill.resources.workers=1", "models.student.dtype=float32"],
    "practice_curriculum": [
        "steps.curriculum.steps.learner.resources.workers=1",
        "models.teacher.dtype=float32",
        "models.student.dtype=float32",
    ],
}


def digest_folder(run: Path) -> dict[str, Any]:
    """What the run directory holds: for each folder of units a hash of each column, and a hash of every student."""
    folders = sorted({path.parent for path in run.rglob("*.parquet")})
    tables: dict[str, Any] = {}
    for folder in folders:
        relative = str(folder.relative_to(run))
        if "tokens" in relative or "outputs" in relative:
            continue
        tables[relative] = _digest_tables(sorted(folder.glob("*.parquet")))
    students = {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(run.rglob("final/*.safetensors"))
    }
    return {"tables": tables, "students": students}


def _digest_tables(files: list[Path]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for file in files:
        rows.extend(pq.read_table(file).to_pylist())
    rows.sort(key=lambda row: str(row.get("id", "")))
    names = sorted({name for row in rows for name in row})
    hashes = {}
    for name in names:
        values = json.dumps([row.get(name) for row in rows], default=str, sort_keys=True, ensure_ascii=False)
        hashes[name] = hashlib.sha256(values.encode()).hexdigest()[:16]
    return {"rows": len(rows), "columns": hashes}


def take(into: Path, runs: Path, only: list[str]) -> None:
    """Run each recipe with the `distilray` beside this interpreter and write the digests, one recipe at a time."""
    digests: dict[str, Any] = json.loads(into.read_text()) if into.exists() else {}
    for name in only or RECIPES:
        run = runs / name
        started = time.monotonic()
        command = [str(Path(sys.executable).parent / "distilray"), "run", f"jobs/recipes/{name}.yaml"]
        subprocess.run([*command, "--run", str(run), *RECIPES[name]], cwd=ROOT, check=True)
        seconds = time.monotonic() - started
        status = subprocess.run(
            [command[0], "status", str(run), "--json"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        digests[name] = digest_folder(run) | {"status": json.loads(status.stdout), "seconds": round(seconds)}
        into.write_text(json.dumps(digests, indent=1, ensure_ascii=False) + "\n")


def _flat(digest: dict[str, Any], renames: dict[str, str]) -> dict[str, Any]:
    def renamed(path: str) -> str:
        for old, new in renames.items():
            path = path.replace(old, new)
        return path

    flat: dict[str, Any] = {}
    for folder, table in digest["tables"].items():
        flat[f"{renamed(folder)} rows"] = table["rows"]
        for column, value in table["columns"].items():
            flat[f"{renamed(folder)} [{renames.get(column, column)}]"] = value
    for path, value in digest["students"].items():
        flat[f"{renamed(path)} student"] = value
    return flat


def compare(first: Path, second: Path, third: Path, renames: dict[str, str]) -> int:
    """Print, for each recipe, how many values agree, and each that agrees before and differs after."""
    before, again, after = (json.loads(path.read_text()) for path in (first, second, third))
    differ = 0
    for recipe in before:
        if recipe not in after:
            continue
        one, two = _flat(before[recipe], renames), _flat(again[recipe], renames)
        three = _flat(after[recipe], {})
        steady = {key: value for key, value in one.items() if two.get(key) == value}
        changed = [key for key, value in steady.items() if three.get(key) != value]
        new = [key for key in three if key not in one]
        differ += len(changed)
        print(f"{recipe}: {len(one)} values, {len(steady)} the same twice, of these {len(changed)} differ afterwards")
        for key in changed:
            print(f"   {'gone' if key not in three else 'differs'}: {key}")
        for key in new:
            print(f"   new: {key}")
        for key in one:
            if key not in steady and key.endswith("student"):
                print(f"   not the same twice: {key}")
    return 1 if differ else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("take", help="run the recipes and write their digests")
    taking.add_argument("--into", type=Path, required=True, help="JSON file")
    taking.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    taking.add_argument("only", nargs="*", help="recipes; all of them by default")
    comparing = commands.add_parser("compare", help="what differs")
    comparing.add_argument("files", type=Path, nargs=3, metavar="FILE")
    comparing.add_argument("--rename", action="append", default=[], metavar="OLD=NEW")
    arguments = parser.parse_args()
    if arguments.command == "take":
        take(arguments.into, arguments.runs, arguments.only)
        return 0
    renames = dict(pair.split("=", 1) for pair in arguments.rename)
    first, second, third = arguments.files
    return compare(first, second, third, renames)


if __name__ == "__main__":
    sys.exit(main())
