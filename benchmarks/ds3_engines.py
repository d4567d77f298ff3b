"""Does the alignment loop keep its engines busy?

    python -m benchmarks.ds3_engines [--variants practice random] [--pairs 3]

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
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record
from benchmarks.engine_path import speed
from benchmarks.observing_steps import Observed
from benchmarks.random_model import random_model
from distilray.prompts import RATE_TRACE, RATINGS

PRACTICE = record.ROOT / "distilray" / "practice" / "checkpoints" / "judge"
CONTEXT = 1024
VARIANTS: Mapping[str, dict[str, Any]] = {
    "practice": {"rows": 6000, "sequences": 128, "sampling": {"max_tokens": 192}},
    # several times as many rows as sequences, or the run would be mostly its end, with rows in their last rounds
    "random": {"rows": 192, "sequences": 32, "sampling": {"max_tokens": 128, "temperature": 1.0}},
}


def loop(variant: str, directory: Path) -> tuple[dict[str, Any], list[list[dict[str, str]]]]:
    """One run of the step through the driver, and the conversations that it asked the engine."""
    run = dr.run(recipe_of(variant), directory=str(directory / "run"))
    columns = ["began", "ended", "asked", "outcome"]
    rows = run.table("Observed", columns, outcome=None).to_pylist()
    asked = [json.loads(one) for row in rows for one in row["asked"] or ()]
    seconds = max(row["ended"] for row in rows if row["ended"]) - min(row["began"] for row in rows if row["began"])
    found = {
        "rows": len(rows),
        "kept": sum(row["outcome"] == "kept" for row in rows),
        "requests": len(asked),
        **speed(sum(count for _, count in asked), seconds),
    }
    return found, [messages for messages, _ in asked]


def recipe_of(variant: str) -> dr.Recipe:
    settings = VARIANTS[variant]
    judge = dr.VLLMModel(
        path=str(model_of(variant)),
        threads=os.cpu_count(),
        cpus=1,
        max_num_seqs=settings["sequences"],
        max_model_len=CONTEXT,
        kv_cache_gib=1,
        sampling=dr.Sampling(**settings["sampling"]),
    )
    traces = {"rows": settings["rows"], "seed": 5, "wrong": 0.0, "split": "held_out"}
    return dr.Recipe(
        name=f"ds3-engines-{variant}",
        models={"judge": judge},
        sources=[dr.Source(name="traces", uses="distilray.practice:traces", with_=traces)],
        steps=[Observed(judge="judge", rewriter="judge", max_rounds=3)],
        budget=dr.Budget(failed_share=1.0),
    )


def plain(variant: str, conversations: list[list[dict[str, str]]]) -> dict[str, Any]:
    """All conversations in one call of vLLM's own offline class. Runs in a process of its own."""
    os.environ |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_LOGGING_LEVEL": "ERROR"}
    from vllm import LLM, SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    engine = LLM(
        str(model_of(variant)),
        max_model_len=CONTEXT,
        max_num_seqs=VARIANTS[variant]["sequences"],
        enforce_eager=True,
        kv_cache_memory_bytes=2**30,
        # as our engines on CPU (a seeded request whose prompt is prefilled in parts kills the core there)
        enable_chunked_prefill=False,
        max_num_batched_tokens=8192,
    )
    texts = engine.get_tokenizer().apply_chat_template(conversations, tokenize=False, add_generation_prompt=True)
    asks_rating = {
        RATE_TRACE.messages(dr.Row({"id": "", "language": language, "messages": [{"role": "user", "content": ""}]}),
                            trace="", answer=None)[0]["content"]
        for language in ("en", "zh")
    }  # fmt: skip
    sampling = [
        SamplingParams(
            **{"temperature": 0.0, **VARIANTS[variant]["sampling"]},
            seed=k if VARIANTS[variant]["sampling"].get("temperature") else None,
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
    return {"requests": len(outputs), **speed(tokens, seconds)}


def plain_apart(variant: str, conversations: list[list[dict[str, str]]], directory: Path) -> dict[str, Any]:
    place = directory / "asked.json"
    place.write_text(json.dumps(conversations), "utf-8")
    return record.apart("benchmarks.ds3_engines", "--variants", variant, "--plain", str(place))


def model_of(variant: str) -> Path:
    if variant == "practice":
        return PRACTICE
    path = Path.home() / ".cache" / "distilray" / "random-45m-bytes"
    random_model("45m-bytes", path)
    return path


def pair(variant: str, folder: Path) -> dict[str, Any]:
    circumstances = {"commit": record.commit(), "load": os.getloadavg()[0]}
    looped, conversations = loop(variant, folder)
    return {"loop": looped, "plain": plain_apart(variant, conversations, folder), **circumstances}


def summary(variant: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    ratios = [round(one["loop"]["tokens_per_s"] / one["plain"]["tokens_per_s"], 3) for one in runs]
    return {"settings": VARIANTS[variant], "runs": runs, "ratios": ratios, "ratio": statistics.median(ratios)}


def main() -> None:
    parser = record.command_line(__doc__, "ds3_engines.json")
    parser.add_argument("--variants", choices=list(VARIANTS), nargs="+", default=list(VARIANTS))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    record.share_imports()
    if options.plain:
        print(json.dumps(plain(options.variants[0], json.loads(options.plain.read_text("utf-8")))))
        return
    models: dict[str, dict[str, Any]] = record.earlier(options.out, "models") or {}
    for variant in options.variants:
        for number in range(options.pairs):
            with tempfile.TemporaryDirectory() as folder:
                taken = pair(variant, Path(folder))
            print(f"{variant}, pair {number + 1}: {json.dumps(taken)}", flush=True)
            models[variant] = summary(variant, [*models.get(variant, {}).get("runs", ()), taken])
            record.write(options.out, {"models": models})
    for variant, found in models.items():
        print(f"{variant:<10} output tokens/s of the loop over plain vLLM: {found['ratio']:.3f} {found['ratios']}")


if __name__ == "__main__":
    main()
