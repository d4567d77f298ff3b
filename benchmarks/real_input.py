"""Real instructions in both languages through a whole recipe, killed on the way: rows, a student, a benchmark.

    python benchmarks/real_input.py --data DIR [--s3] [--out benchmarks/results/real_input.json]

DIR holds ``instructions/{gsm8k,gpteacher,zh_supplement,sharegpt_zh_1k}`` and ``tokenizer/qwen2.5``. The models are one
random Qwen2 under the real tokenizer, so answers are babble; prompts, lengths, token counts, templates and files are
those of real use. One more source has two lines that no reader can take: they must come out as failed rows.

The driver is killed (SIGKILL) when a third of the steps' units is published, and started again. Then: the ledger
reconciles, every record of the sources is in exactly one row, units from before the kill were not written again, the
student was trained and measured. ``--s3`` does all of it in a run directory on an S3-compatible server on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from benchmarks.ds3 import machine
from benchmarks.killed import kill_and_resume, published
from benchmarks.random_model import random_model
from distilray.ledger import reconcile
from distilray.report.run_status import status
from distilray.storage import Store

WHOLE = [json.dumps({"instruction": f"Name {k} rivers.", "input": "", "output": "None."}) for k in (2, 3)]
BROKEN = ['{"instruction": "cut in the mid', '["a list is no record"]']
LIMITS = {"gsm8k": 2000, "gpteacher": 1500, "zh_supplement": 1000, "sharegpt_zh_1k": 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with instructions/ and tokenizer/")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows, for a rehearsal")
    parser.add_argument("--s3", action="store_true", help="the run directory on an S3-compatible server")
    parser.add_argument("--directory", type=Path, help="where everything lies; default: a temporary folder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/real_input.json"))
    arguments = parser.parse_args()
    limits = {name: max(1, int(limit * arguments.share)) for name, limit in LIMITS.items()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.directory or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        recipe = write_recipe(folder, arguments.data.resolve(), limits)
        if arguments.s3:
            with s3_server() as place:
                measured = killed_and_resumed(recipe, place, folder)
        else:
            measured = killed_and_resumed(recipe, str(folder / "run"), folder)
    result = {"machine": machine(), "where": "s3" if arguments.s3 else "local", "limits": limits, **measured}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))
    if measured["problems"]:
        sys.exit(1)


def write_recipe(folder: Path, data: Path, limits: dict[str, int]) -> Path:
    random_model("64k", folder / "model", tokenizer=data / "tokenizer" / "qwen2.5")
    quoting(folder / "model", folder / "judge")
    (folder / "broken.jsonl").write_text("\n".join(WHOLE + BROKEN) + "\n")
    files = {
        "gsm8k": {"path": "gsm8k/*.jsonl", "columns": {"instruction": "question", "answer": "answer"}},
        "gpteacher": {"path": "gpteacher/*.json", "form": "alpaca", "columns": {"answer": "response"}},
        "zh_supplement": {"path": "zh_supplement/*.json", "form": "alpaca"},
        "sharegpt_zh_1k": {"path": "sharegpt_zh_1k/sharegpt*.jsonl", "form": "sharegpt"},
    }
    sources: list[dict[str, Any]] = [
        {"name": name, "limit": limits[name], **entry, "path": str(data / "instructions" / entry["path"])}
        for name, entry in files.items()
    ]
    sources[0] |= {"task": "math", "reference_pattern": "#### (.+)$"}
    sources.append({"name": "broken", "path": str(folder / "broken.jsonl"), "form": "alpaca"})
    tiny = {
        "path": str(folder / "model"),
        "dtype": "float32",
        "cpus": 0.5,
        "threads": 2,
        "max_num_seqs": 64,
        "max_model_len": 2048,
        "sampling": {"max_tokens": 192, "temperature": 0.0, "stop": [".", "。", "e"]},
    }
    judge = {
        **tiny,
        "path": str(folder / "judge"),
        "sampling": {"max_tokens": 256, "temperature": 0.0},
        "engine": {"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}},
    }
    recipe = {
        "name": "real-input",
        "models": {"tiny": tiny, "judge": judge, "student": {**tiny, "sampling": {"max_tokens": 64}}},
        "sources": sources,
        "steps": [
            {"answer": {"model": "tiny"}},
            {"check": {"language": False}},
            {"judge": {"model": "judge"}},
            {"select": {"by": "accuracy", "top": 400}},
        ],
        "train": [
            {
                "kind": "sft",
                "student": "student",
                "max_steps": 20,
                "batch_size": 16,
                "micro_batch_size": 4,
                "max_length": 1024,
                "learning_rate": 1.0e-3,
                "precision": "fp32",
                "resources": {"workers": 2, "cpus_per_worker": 0.75},
            }
        ],
        "evaluate": [
            {
                "name": "gsm8k",
                "source": {
                    "name": "gsm8k-questions",
                    "path": str(data / "instructions" / "gsm8k" / "*.jsonl"),
                    "columns": {"instruction": "question", "answer": "answer"},
                    "reference_pattern": "#### (.+)$",
                    "task": "math",
                },
                "limit": 100,
                "models": ["student_before", "student_after"],
            }
        ],
        "budget": {"failed_share": 1.0},
        "resources": {"unit_rows": 128},
    }
    place = folder / "recipe.yaml"
    place.write_text(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), "utf-8")
    return place


def quoting(model: Path, judge: Path) -> None:
    """A copy that likes the closing quote: among 152 k tokens random weights would hardly ever end a JSON string."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if (judge / "config.json").exists():
        return
    weights, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    with torch.no_grad():
        weights.lm_head.weight[tokenizer.encode('"')] *= 100
    weights.save_pretrained(judge)
    tokenizer.save_pretrained(judge)


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3-compatible server of its own process; yields the URI of a run directory on it."""
    import socket

    import pyarrow.fs as fs

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        endpoint = f"127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                fs.S3FileSystem(endpoint_override=endpoint, scheme="http", allow_bucket_creation=True).create_dir(
                    "runs"
                )
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        yield f"s3://runs/real?scheme=http&endpoint_override={endpoint}&region=us-east-1"
    finally:
        server.kill()
        server.wait()


def killed_and_resumed(recipe: Path, run: str, folder: Path) -> dict[str, Any]:
    killed = kill_and_resume(recipe, run, folder / "driver.log")
    return {**killed.to_json(), **account(Store(run), killed.units_written_again)}


def account(store: Store, again: int) -> dict[str, Any]:
    """What the run came to, and everything that should not be so."""
    rows = [row for path in published(store) for row in read(store, path)]
    sources = [row for name in store.names("steps/00-sources") for row in read(store, f"steps/00-sources/{name}")]
    doubled = [i for i, count in Counter(row["id"] for row in rows).items() if count > 1]
    broken = [row for row in sources if row["outcome"] == "failed"]
    planted = [row for row in broken if row["source"] == "broken"]
    missing = {row["id"] for row in sources if row["outcome"] != "failed"} ^ {row["id"] for row in rows}
    steps = status(store)["steps"]
    report = reconcile(store, deep=True)
    student = status(store)["evaluations"]
    problems = [
        *([f"{again} units were written again"] if again else []),
        *([f"{len(doubled)} ids are there twice"] if doubled else []),
        *([f"{len(missing)} ids are in the sources or in the steps only"] if missing else []),
        *([f"{len(planted)} of {len(BROKEN)} broken lines are failed rows"] if len(planted) != len(BROKEN) else []),
        *report.problems,
        *(f"step {step['name']} does not reconcile" for step in steps if not step["reconciled"]),
        *([f"{len(student)} of 2 evaluations"] if len(student) != 2 else []),
    ]  # fmt: skip
    fields = ("name", "rows_in", "created", "kept", "rejected", "failed")
    return {
        "rows": len(sources),
        "rows_by_source": dict(sorted(Counter(row["source"] for row in sources).items())),
        "languages": dict(sorted(Counter(str(row["language"]) for row in sources).items())),
        "broken": [row["reason"] for row in broken],
        "steps": [
            {**{field: step[field] for field in fields}, "reasons": dict(list(step["reasons"].items())[:6])}
            for step in steps
        ],
        "training": status(store)["training"],
        "evaluations": student,
        "problems": problems,
    }


def read(store: Store, path: str) -> list[dict[str, Any]]:
    if not path.endswith(".parquet"):
        return []
    with store.open_input(path) as file:
        names = ["id", "source", "language", "outcome", "reason"]
        return pq.read_table(file, columns=names).to_pylist()


if __name__ == "__main__":
    main()
