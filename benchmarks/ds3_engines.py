"""Does the alignment loop keep its engines busy?

    python -m benchmarks.ds3_engines [--model practice random] [--pairs 3] [--out benchmarks/results/ds3_engines.json]

Each pair: ``align_trace`` over traces of the practice world, through the driver (units, runners, verifiers, Parquet),
then plain ``vllm.LLM.generate`` over the very prompts that the loop asked, with the same sampling, in one call.

practice   the 0.9 M judge of the practice world plays rater and rewriter, as in jobs/recipes/practice_ds3.yaml: steps
           of a few milliseconds, so that everything around the engine shows
random     45 M random parameters over a byte vocabulary, sampled: replies of 1 to 128 tokens that no verifier takes, so
           most rows go through all their rounds; the engine's own work dominates, as it does on a GPU

Pairs are added to those in --out, so that they can be taken in short sittings.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.dataset as ds
import yaml

from benchmarks.engine_path import machine
from benchmarks.random_model import random_model
from distilray.models import ModelError, Reply
from distilray.prompts import RATE_TRACE, RATINGS
from distilray.rows import Outcome, Row, failed
from distilray.steps import Models
from distilray.steps.align_trace import AlignTrace

PRACTICE = Path("distilray/practice/checkpoints/judge")
CONTEXT = 1024
VARIANTS: Mapping[str, dict[str, Any]] = {
    "practice": {"rows": 6000, "sequences": 128, "sampling": {"max_tokens": 192}},
    # several times as many rows as sequences, or the run would be mostly its end, with rows in their last rounds
    "random": {"rows": 192, "sequences": 32, "sampling": {"max_tokens": 128, "temperature": 1.0}},
}


class Observed(AlignTrace):
    """align_trace, with when each row began and ended and what was asked for it."""

    writes: ClassVar = {**AlignTrace.writes, "began": "float", "ended": "float", "asked": "list<string>"}

    async def process(self, row: Row, models: Models) -> Outcome:
        asked: list[str] = []

        def note(model: str, messages: list[dict[str, str]], replies: list[Reply]) -> None:
            asked.append(json.dumps([messages, replies[0].tokens_out]))

        models._access = replace(models._access, watch=note)  # type: ignore[attr-defined]
        began = time.time()
        try:
            outcome = await super().process(row, models)
        except ModelError as error:  # a reply that was cut again and again: what it cost counts too
            outcome = failed(f"{type(error).__name__}: {error}")
        return replace(outcome, columns={**outcome.columns, "began": began, "ended": time.time(), "asked": asked})


def loop(way: str, directory: Path) -> tuple[dict[str, Any], list[list[dict[str, str]]]]:
    """One run of the step through the driver, and the conversations that it put to the engine."""
    from distilray.driver import run

    settings = VARIANTS[way]
    directory.mkdir(parents=True)
    recipe = {
        "name": f"ds3-engines-{way}",
        "models": {
            "judge": {
                "path": str(model_of(way)),
                "threads": os.cpu_count(),
                "cpus": 1,
                "max_num_seqs": settings["sequences"],
                "max_model_len": CONTEXT,
                "kv_cache_gib": 1,
                "sampling": settings["sampling"],
            }
        },
        "sources": [
            {
                "name": "traces",
                "uses": "distilray.practice:traces",
                "with": {"rows": settings["rows"], "seed": 5, "wrong": 0.0, "split": "held_out"},
            }
        ],
        "steps": [
            {
                "uses": "benchmarks.ds3_engines:Observed",
                "with": {"judge": "judge", "rewriter": "judge", "max_rounds": 3},
            }
        ],
        "budget": {"failed_share": 1.0},
    }
    place = directory / "recipe.yaml"
    place.write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    run(str(place), directory=str(directory / "run"))
    files = sorted(str(path) for path in (directory / "run").glob("steps/01-*/unit-*.parquet"))
    columns = ["began", "ended", "asked", "outcome", "rounds"]
    rows = ds.dataset(files).to_table(columns=columns).to_pylist()
    asked = [json.loads(one) for row in rows for one in row["asked"] or ()]
    seconds = max(row["ended"] for row in rows if row["ended"]) - min(row["began"] for row in rows if row["began"])
    tokens = sum(count for _, count in asked)
    found = {
        "rows": len(rows),
        "kept": sum(row["outcome"] == "kept" for row in rows),
        "requests": len(asked),
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_s": round(tokens / seconds, 1),
    }
    return found, [messages for messages, _ in asked]


def plain(way: str, conversations: list[list[dict[str, str]]]) -> dict[str, Any]:
    """All conversations in one call of vLLM's own offline class. Runs in a process of its own."""
    os.environ |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_LOGGING_LEVEL": "ERROR"}
    from vllm import LLM, SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    engine = LLM(
        str(model_of(way)),
        max_model_len=CONTEXT,
        max_num_seqs=VARIANTS[way]["sequences"],
        enforce_eager=True,
        kv_cache_memory_bytes=2**30,
        # as our engines on CPU (a seeded request whose prompt is prefilled in parts kills the core there)
        enable_chunked_prefill=False,
        max_num_batched_tokens=8192,
    )
    texts = engine.get_tokenizer().apply_chat_template(conversations, tokenize=False, add_generation_prompt=True)
    asks_rating = {
        RATE_TRACE.messages(Row({"id": "", "language": language, "messages": [{"role": "user", "content": ""}]}),
                            trace="", answer=None)[0]["content"]
        for language in ("en", "zh")
    }  # fmt: skip
    sampling = [
        SamplingParams(
            **{"temperature": 0.0, **VARIANTS[way]["sampling"]},
            seed=k if VARIANTS[way]["sampling"].get("temperature") else None,
            structured_outputs=StructuredOutputsParams(choice=list(RATINGS))
            if messages[0]["content"] in asks_rating
            else None,
        )
        for k, messages in enumerate(conversations)
    ]
    engine.generate(texts[:8], sampling[:8], use_tqdm=False)
    start = time.perf_counter()
    outputs = engine.generate(texts, sampling, use_tqdm=False)
    seconds = time.perf_counter() - start
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    return {
        "requests": len(outputs),
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_s": round(tokens / seconds, 1),
    }


def plain_apart(way: str, conversations: list[list[dict[str, str]]], directory: Path) -> dict[str, Any]:
    place = directory / "asked.json"
    place.write_text(json.dumps(conversations), "utf-8")
    command = [sys.executable, "-m", "benchmarks.ds3_engines", "--model", way, "--plain", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"plain vLLM failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def model_of(way: str) -> Path:
    if way == "practice":
        return PRACTICE.resolve()
    path = Path.home() / ".cache" / "distilray" / "random-45m-bytes"
    random_model("45m-bytes", path)
    return path


def pair(way: str, folder: Path) -> dict[str, Any]:
    looped, conversations = loop(way, folder)
    return {"loop": looped, "plain": plain_apart(way, conversations, folder), "machine": machine()}


def summary(way: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    ratios = [round(one["loop"]["tokens_per_s"] / one["plain"]["tokens_per_s"], 3) for one in runs]
    return {"settings": VARIANTS[way], "runs": runs, "ratios": ratios, "ratio": statistics.median(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(VARIANTS), nargs="+", default=list(VARIANTS))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ds3_engines.json"))
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    os.environ["PYTHONPATH"] = os.getcwd()  # runners import the step from here
    if arguments.plain:
        print(json.dumps(plain(arguments.model[0], json.loads(arguments.plain.read_text("utf-8")))))
        return
    out: Path = arguments.out
    models: dict[str, dict[str, Any]] = json.loads(out.read_text("utf-8"))["models"] if out.exists() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    for way in arguments.model:
        for number in range(arguments.pairs):
            with tempfile.TemporaryDirectory() as folder:
                taken = pair(way, Path(folder) / f"{way}-{number}")
            print(f"{way}, pair {number + 1}: {json.dumps(taken)}", flush=True)
            models[way] = summary(way, [*models.get(way, {}).get("runs", ()), taken])
            out.write_text(json.dumps({"benchmark": "ds3_engines", "models": models}, indent=2) + "\n", "utf-8")
    for way, found in models.items():
        print(f"{way:<10} output tokens/s of the loop over plain vLLM: {found['ratio']:.3f} {found['ratios']}")


if __name__ == "__main__":
    main()
