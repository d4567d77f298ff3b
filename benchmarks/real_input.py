"""Real instructions in both languages through a whole recipe, killed on the way: rows, a student, a benchmark.

    python -m benchmarks.real_input --data DIR [--s3]

DIR holds ``instructions/{gsm8k,gpteacher,zh_supplement,sharegpt_zh_1k}`` and ``tokenizer/qwen2.5``. The models are one
random Qwen2 under the real tokenizer, so answers are noise; prompts, lengths, token counts, templates and files are
those of real use. One more source has two lines that no reader can take: they must come out as failed rows.

The driver is killed (SIGKILL) when a third of the steps' units is published, and started again. Then: the ledger
reconciles, every record of the sources is in exactly one row, units from before the kill were not written again, the
student was trained and measured. ``--s3`` does all of it in a run directory on an S3-compatible server on loopback.
"""

from __future__ import annotations

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

import msgspec

import distilray as dr
from benchmarks import record
from benchmarks.killed import kill_and_resume
from benchmarks.random_model import random_model
from distilray.ledger import reconcile
from distilray.report import status

WHOLE = [json.dumps({"instruction": f"Name {k} rivers.", "input": "", "output": "None."}) for k in (2, 3)]
BROKEN = ['{"instruction": "cut in the mid', '["a list is no record"]']
FIELDS = ("rows_in", "created", "kept", "rejected", "failed")
LIMITS = {"gsm8k": 2000, "gpteacher": 1500, "zh_supplement": 1000, "sharegpt_zh_1k": 1000}


def main() -> None:
    parser = record.command_line(__doc__, "real_input.json")
    parser.add_argument("--data", type=Path, required=True, help="folder with instructions/ and tokenizer/")
    parser.add_argument("--share", type=float, default=1.0, help="share of the rows, for a trial")
    parser.add_argument("--s3", action="store_true", help="the run directory on an S3-compatible server")
    parser.add_argument("--directory", type=Path, help="keep everything here; default: a temporary folder")
    options = parser.parse_args()
    limits = {name: max(1, int(limit * options.share)) for name, limit in LIMITS.items()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.directory or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        recipe = write_recipe(folder, options.data.resolve(), limits)
        if options.s3:
            with s3_server() as place:
                measured = killed_and_resumed(recipe, place, folder)
        else:
            measured = killed_and_resumed(recipe, str(folder / "run"), folder)
    result = {"where": "s3" if options.s3 else "local", "limits": limits, **measured}
    record.write(options.out, result)
    print(json.dumps(result, indent=2, ensure_ascii=False))
    if measured["problems"]:
        sys.exit(1)


def write_recipe(folder: Path, data: Path, limits: dict[str, int]) -> Path:
    random_model("64k", folder / "model", tokenizer=data / "tokenizer" / "qwen2.5")
    quoting(folder / "model", folder / "judge")
    (folder / "broken.jsonl").write_text("\n".join(WHOLE + BROKEN) + "\n")
    place = folder / "recipe.yaml"
    place.write_text(recipe_of(folder, data / "instructions", limits).to_yaml(), "utf-8")
    return place


def recipe_of(folder: Path, instructions: Path, limits: dict[str, int]) -> dr.Recipe:
    gsm8k = dr.Source(
        name="gsm8k-questions",
        path=str(instructions / "gsm8k" / "*.jsonl"),
        columns={"instruction": "question", "answer": "answer"},
        reference_pattern="#### (.+)$",
        task="math",
    )
    sft = dr.train.SFTSettings(
        student="student",
        max_steps=20,
        batch_size=16,
        micro_batch_size=4,
        max_length=1024,
        learning_rate=1e-3,
        precision="fp32",
    )
    return dr.Recipe(
        name="real-input",
        models=models(folder),
        sources=[
            gsm8k.model_copy(update={"name": "gsm8k", "limit": limits["gsm8k"]}),
            *other_sources(instructions, limits),
            dr.Source(name="broken", path=str(folder / "broken.jsonl"), form="alpaca"),
        ],
        steps=[
            dr.steps.Answer(model="tiny"),
            dr.steps.Check(language=False),
            dr.steps.Judge(model="judge"),
            dr.steps.Select(by="accuracy", top=400),
        ],
        train=[dr.TrainEntry(sft, dr.train.TrainResources(workers=2, cpus_per_worker=0.75))],
        evaluate=[dr.Questions(name="gsm8k", source=gsm8k, limit=100, models=("student_before", "student_after"))],
        budget=dr.Budget(failed_share=1.0),
        resources=dr.Resources(unit_rows=128),
    )


def other_sources(instructions: Path, limits: dict[str, int]) -> list[dr.Source]:
    files: dict[str, dict[str, Any]] = {
        "gpteacher": {"path": "gpteacher/*.json", "form": "alpaca", "columns": {"answer": "response"}},
        "zh_supplement": {"path": "zh_supplement/*.json", "form": "alpaca"},
        "sharegpt_zh_1k": {"path": "sharegpt_zh_1k/sharegpt*.jsonl", "form": "sharegpt"},
    }
    return [
        dr.Source(name=name, limit=limits[name], **{**entry, "path": str(instructions / entry["path"])})
        for name, entry in files.items()
    ]


def models(folder: Path) -> dict[str, dr.VLLMModel]:
    common: dict[str, Any] = {
        "dtype": "float32", "cpus": 0.5, "threads": 2, "max_num_seqs": 64, "max_model_len": 2048,
    }  # fmt: skip
    short = dr.Sampling(max_tokens=192, temperature=0.0, stop=(".", "。", "e"))
    judge = dr.VLLMModel(
        path=str(folder / "judge"),
        sampling=dr.Sampling(max_tokens=256, temperature=0.0),
        engine={"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}},
        **common,
    )
    return {
        "tiny": dr.VLLMModel(path=str(folder / "model"), sampling=short, **common),
        "judge": judge,
        "student": dr.VLLMModel(path=str(folder / "model"), sampling=dr.Sampling(max_tokens=64), **common),
    }


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
    return {**killed.to_json(), **account(dr.open_run(run), killed.units_written_again)}


def account(run: dr.Run, again: int) -> dict[str, Any]:
    """What the run came to, and everything that should not be so."""
    columns = ["id", "source", "language", "outcome", "reason"]
    rows = run.table("answer", ["id"], outcome=None).to_pylist()
    sources = run.table("sources", columns, outcome=None).to_pylist()
    doubled = [i for i, count in Counter(row["id"] for row in rows).items() if count > 1]
    broken = [row for row in sources if row["outcome"] == "failed"]
    planted = [row for row in broken if row["source"] == "broken"]
    missing = {row["id"] for row in sources if row["outcome"] != "failed"} ^ {row["id"] for row in rows}
    evaluations = [msgspec.to_builtins(result) for result in run.evaluations]
    problems = [
        *([f"{again} units were written again"] if again else []),
        *([f"{len(doubled)} ids are there twice"] if doubled else []),
        *([f"{len(missing)} ids are in the sources or in the steps only"] if missing else []),
        *([f"{len(planted)} of {len(BROKEN)} broken lines are failed rows"] if len(planted) != len(BROKEN) else []),
        *reconcile(run.store, deep=True).problems,
        *(f"step {name} does not reconcile" for name, counts in run.outcomes.items() if not counts.reconciled),
        *([f"{len(evaluations)} of 2 evaluations"] if len(evaluations) != 2 else []),
    ]  # fmt: skip
    return {
        "rows": len(sources),
        "rows_by_source": dict(sorted(Counter(row["source"] for row in sources).items())),
        "languages": dict(sorted(Counter(str(row["language"]) for row in sources).items())),
        "broken": [row["reason"] for row in broken],
        "steps": [
            {"name": name, **{field: getattr(counts, field) for field in FIELDS}}
            | {"reasons": dict(list(counts.reasons.items())[:6])}
            for name, counts in run.outcomes.items()
        ],
        "training": status(run.store)["training"],
        "evaluations": evaluations,
        "problems": problems,
    }


if __name__ == "__main__":
    main()
