"""How much of plain vLLM's speed arrives through the engine pools?

    python -m benchmarks.engine_path [--size 50m] [--pairs 3] [--prompts 256] [--raydata]

The same prompts, each with its own length (log-normal, 16-512 tokens, mean about 90), greedy, end of text ignored:

- plain: ``vllm.LLM.generate`` over all of them at once, in a process of its own;
- ours: an async actor, as a row runner is, asks one request per prompt through a ``PoolClient``;
- ray.data.llm: its vLLM processor over the same rows.

Output tokens over seconds from the first request to the last reply, so the drain counts; start-up does not. Runs
alternate (plain, ours, ray.data.llm, plain, ...), because a machine's speed drifts; the figure is the median ratio of
pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.random_model import SIZES, random_model

SEQUENCES = 64
CONTEXT = 1024
KV_CACHE_GIB = 1

Workload = list[tuple[str, int]]
"""Prompts, and how many tokens each reply has."""


def workload(prompts: int, seed: int = 0) -> Workload:
    rng = random.Random(seed)
    lengths = [min(512, max(16, int(math.exp(rng.gauss(4.2, 0.8))))) for _ in range(prompts)]
    return [(f"what is {k} plus {rng.randrange(1000)}? Show the steps.", length) for k, length in enumerate(lengths)]


def speed(tokens: int, seconds: float) -> dict[str, float]:
    return {"tokens": tokens, "seconds": round(seconds, 2), "tokens_per_s": round(tokens / seconds, 1)}


def plain(model: str, work: Workload, **engine: Any) -> dict[str, float]:
    """All prompts in one call of vLLM's own offline class, with the settings ``engine`` beside or in place of those for
    CPUs. Runs in a process of its own."""
    os.environ |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_LOGGING_LEVEL": "ERROR"}
    from vllm import LLM, SamplingParams

    engine = engine or {"enforce_eager": True, "kv_cache_memory_bytes": KV_CACHE_GIB * 2**30}
    llm = LLM(model, **{"max_model_len": CONTEXT, "max_num_seqs": SEQUENCES, **engine})
    tokenizer = llm.get_tokenizer()
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
        for text, _ in work
    ]
    sampling = [SamplingParams(temperature=0, max_tokens=length, ignore_eos=True) for _, length in work]
    llm.generate(["warm up"] * 8, SamplingParams(temperature=0, max_tokens=8), use_tqdm=False)
    start = time.perf_counter()
    outputs = llm.generate(texts, sampling, use_tqdm=False)
    return speed(sum(len(output.outputs[0].token_ids) for output in outputs), time.perf_counter() - start)


def plain_apart(model: str, prompts: int) -> dict[str, float]:
    """:func:`plain` in a process of its own, as someone without Ray would run it."""
    return record.apart("benchmarks.engine_path", "--plain", model, "--prompts", str(prompts))


def ours(model: str, work: Workload, **engine: Any) -> dict[str, float]:
    """The same through an engine pool, asked by one runner-like actor; ``engine``: settings of the model beside or in
    place of those for CPUs."""
    import ray

    from distilray.models import EnginePools, GenerateRequest, PoolClient, PoolHandles, Sampling, VLLMModel

    @ray.remote(num_cpus=0.5)
    class Runner:
        async def run(self, handles: PoolHandles, work: Workload) -> tuple[int, float]:
            places = asyncio.Semaphore(in_flight)

            async def one(client: PoolClient, k: int, text: str, length: int) -> int:
                async with places:
                    sampling = Sampling(max_tokens=length, ignore_eos=True)
                    message = {"role": "user", "content": text}
                    request = GenerateRequest([message], sampling, seed=k, affinity=f"row {k}")
                    (reply,) = await client.ask("model", request)
                    return reply.tokens_out

            async with PoolClient(handles) as client:
                await asyncio.gather(*[one(client, k, "warm up", 8) for k in range(8)])
                start = time.perf_counter()
                tokens = await asyncio.gather(*[one(client, k, *item) for k, item in enumerate(work)])
                return sum(tokens), time.perf_counter() - start

    engine = engine or {"kv_cache_gib": KV_CACHE_GIB, "threads": os.cpu_count()}
    settings = VLLMModel.model_validate({"path": model, "max_model_len": CONTEXT, "max_num_seqs": SEQUENCES, **engine})
    in_flight = int(1.5 * settings.max_num_seqs)  # what a plan gives the runners of one such engine
    with EnginePools(f"bench-{time.time_ns()}") as pools:
        handles = pools.start({"model": settings}, wait_for_all=True)
        runner = Runner.remote()
        tokens, seconds = ray.get(runner.run.remote(handles, work))
        ray.kill(runner)
    return speed(tokens, seconds)


def ray_data(model: str, work: Workload) -> dict[str, float]:
    """The same through ``ray.data.llm``, by the time that rows spend in its engine stage."""
    import ray
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    environment = {
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "OMP_NUM_THREADS": str(os.cpu_count()),
    }
    config = vLLMEngineProcessorConfig(
        model_source=model,
        engine_kwargs={
            "max_model_len": CONTEXT,
            "max_num_seqs": SEQUENCES,
            "enforce_eager": True,
            "kv_cache_memory_bytes": KV_CACHE_GIB * 2**30,
        },
        batch_size=SEQUENCES,
        concurrency=1,
        accelerator_type=None,
        placement_group_config={"bundles": [{"CPU": 1}]},
        runtime_env={"env_vars": environment},
    )
    processor = build_processor(
        config,
        preprocess=lambda row: {
            "messages": [{"role": "user", "content": row["text"]}],
            "sampling_params": {"max_tokens": int(row["length"]), "temperature": 0.0, "ignore_eos": True},
        },
        postprocess=lambda row: {"tokens": row["num_generated_tokens"], "took": row["time_taken_llm"]},
    )
    rows = [{"text": text, "length": length} for text, length in work]
    start = time.time()
    done = processor(ray.data.from_items(rows, override_num_blocks=1)).take_all()
    # All rows are handed to the engine together, so that the longest stay there is the time of all of them; what Ray
    # Data does before and after is not counted against it.
    took = max(row["took"] for row in done)
    return {**speed(sum(row["tokens"] for row in done), took), "seconds_with_start": round(time.time() - start, 1)}


def echo(requests: int, replicas: int = 1) -> float:
    """Replies per second of an engine that only echoes, through one client with 512 requests in flight."""
    import ray

    from distilray.models import EchoModel, EnginePools, GenerateRequest, PoolClient, PoolHandles, Sampling

    @ray.remote(num_cpus=0.5)
    class Runner:
        async def run(self, handles: PoolHandles) -> float:
            sampling = Sampling()
            left = iter(range(requests))

            async def worker(client: PoolClient) -> None:
                for k in left:
                    message = {"role": "user", "content": f"what is {k} plus 4? Show the steps, then the answer."}
                    await client.ask("echo", GenerateRequest([message], sampling, seed=k, affinity=f"row {k}"))

            async with PoolClient(handles) as client:
                start = time.perf_counter()
                await asyncio.gather(*[worker(client) for _ in range(512)])
                return requests / (time.perf_counter() - start)

    with EnginePools(f"bench-{time.time_ns()}") as pools:
        handles = pools.start({"echo": EchoModel(kind="echo", replicas=replicas)}, wait_for_all=True)
        runner = Runner.remote()
        rates = [ray.get(runner.run.remote(handles)) for _ in range(3)]
        ray.kill(runner)
    return round(statistics.median(rates))


def start_ray() -> None:
    import ray

    # CPUs are only counted; ray.data.llm's five actors and its tasks want more of them than two cores, or wait for ever
    ray.init(address="local", num_cpus=16, include_dashboard=False, object_store_memory=500 << 20, log_to_driver=False)


def compare(size: str, pairs: int, prompts: int, with_ray_data: bool) -> dict[str, Any]:
    """Alternating runs of all sides on one model."""
    model = Path.home() / ".cache" / "distilray" / f"random-{size}"
    parameters = random_model(size, model)
    work = workload(prompts)
    sides: dict[str, Callable[[], dict[str, Any]]] = {
        "plain": lambda: plain_apart(str(model), prompts),
        "ours": lambda: ours(str(model), work),
    }
    if with_ray_data:
        sides["ray_data"] = lambda: ray_data(str(model), work)
    runs: list[dict[str, Any]] = []
    for pair in range(pairs):
        runs.append({side: run() for side, run in sides.items()})
        print(f"{size} pair {pair + 1}: {json.dumps(runs[-1])}", flush=True)
    ratios = {
        side: [round(run[side]["tokens_per_s"] / run["plain"]["tokens_per_s"], 3) for run in runs]
        for side in sides
        if side != "plain"
    }
    return {
        "model": size,
        "parameters": parameters,
        "prompts": prompts,
        "sequences": SEQUENCES,
        "runs": runs,
        "ratio_to_plain": {side: statistics.median(values) for side, values in ratios.items()},
        "ratios": ratios,
    }


def main() -> None:
    parser = record.command_line(__doc__, "engine_path.json")
    parser.add_argument("--size", choices=SIZES, action="append", help="model; may be given twice (default: 50m)")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--raydata", action="store_true", help="measure ray.data.llm as well")
    parser.add_argument("--echo", type=int, default=50_000, help="requests to the echo engine; 0: none")
    parser.add_argument("--plain", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    if options.plain:
        print(json.dumps(plain(options.plain, workload(options.prompts))))
        return
    start_ray()
    sizes = options.size or ["50m"]
    models = [compare(size, options.pairs, options.prompts, options.raydata) for size in sizes]
    figures: dict[str, Any] = {"models": models}
    if options.echo:
        figures["echo_replies_per_s"] = echo(options.echo)
    record.write(options.out, figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
