"""Engines and serving on one GPU: for a machine with vLLM and Ray."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.engine_path import ours, plain, start_ray, workload
from benchmarks.gpu.shapes import config_of
from benchmarks.gpu.stage import Check, Stage

BACK_WITHIN_S = 60.0
LEFT_GIB = 0.5
"""Memory of the GPU that may still be taken after engines have ended."""
ROUNDS = 5
LEAST_RATIO = 0.97
"""Of plain vLLM's tokens/s that must arrive through a pool."""


@contextmanager
def model_of(check: Check, size: str) -> Iterator[str]:
    """A checkpoint of random weights in bf16 with a byte-level tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    from tests.support.checkpoints import byte_tokenizer, save

    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        config = Qwen2Config(**config_of(size, check))
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        yield save(Path(folder), model, byte_tokenizer())


@contextmanager
def cluster() -> Iterator[None]:
    """A Ray cluster of this machine, while in the context."""
    import ray

    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    start_ray()
    try:
        yield
    finally:
        ray.shutdown()


def settings(check: Check, path: str, **more: Any) -> dict[str, Any]:
    """Settings of an engine that fills the GPU, or of a small one on CPUs."""
    return {"path": path, **check.pick({"gpus": 1}, {"kv_cache_gib": 0.25, "max_model_len": 512}), **more}


def restarts(check: Check) -> None:
    """An engine starts, answers and stops, five times: each time all its processes and its memory must be gone before
    the next one starts."""
    from distilray.models import VLLMModel

    with model_of(check, "1.5B") as path, cluster():
        model = VLLMModel.model_validate(settings(check, path))
        free = used_gib(check)
        for k in range(check.pick(ROUNDS, 2)):
            once(check, f"start {k + 1}", {"model": model}, free)


def shared(check: Check) -> None:
    """Two engines on one GPU, half of it each."""
    from distilray.models import VLLMModel

    with model_of(check, "0.5B") as path, cluster():
        halves = check.pick({"gpus": 0.5, "kv_cache_gib": 8.0}, {})
        model = VLLMModel.model_validate(settings(check, path, replicas=2, **halves))
        once(check, "two engines", {"model": model}, used_gib(check))


def once(check: Check, part: str, models: dict[str, Any], free: float) -> None:
    """Starts ``models``, has each engine answer, stops them and waits for what they held."""
    import ray

    from distilray.models import EnginePools

    began = time.perf_counter()
    with EnginePools(f"check-{time.time_ns()}") as pools:
        handles = pools.start(models, wait_for_all=True)
        started, held = time.perf_counter() - began, used_gib(check)
        engines = [engine.actor for pool in handles.pools.values() for engine in pool.engines]
        answered = len(ray.get([engine.ready.remote() for engine in engines]))
        pids = cores()
        began = time.perf_counter()
    while (cores() & pids or used_gib(check) > free + LEFT_GIB) and time.perf_counter() - began < BACK_WITHIN_S:
        time.sleep(0.1)
    left, still = sorted(cores() & pids), used_gib(check) - free
    check.report(
        part, engines=answered, started_s=round(started, 1), held_gib=round(held - free, 2), cores=len(pids),
        back_s=round(time.perf_counter() - began, 2), left_gib=round(still, 2), pids_left=left,
    )  # fmt: skip
    check.expect(not left, f"{part}: {len(left)} engine processes are left after {BACK_WITHIN_S:g} s")
    check.expect(still <= LEFT_GIB, f"{part}: {still:.1f} GiB of the GPU are not given back")


def cores() -> set[int]:
    """Process ids of all engines' processes below this one."""
    import psutil

    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "EngineCore" in process.name() or "EngineCore" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


def used_gib(check: Check) -> float:
    """What is taken of the GPU, by whomever."""
    if check.device == "cpu":
        return 0.0
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return float(subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]) / 1024


def batched(check: Check) -> None:
    """Tokens that an engine may take up in one step: vLLM's default for its asynchronous engine against more."""
    work = workload(check.pick(1024, 8))
    with model_of(check, "1.5B") as path, cluster():
        rates = {}
        for tokens in check.pick((2048, 8192, 16384), (1024, 2048)):
            rates[tokens] = ours(path, work, **_engine(check, max_num_batched_tokens=tokens))
            check.report(f"{tokens} batched tokens", **rates[tokens])


def against_plain(check: Check) -> None:
    """The pool against plain vLLM on the same prompts, in turn."""
    work, ratios = workload(check.pick(1024, 8)), []
    whole = {"max_num_seqs": 256} if not check.rehearsed else {}
    with model_of(check, "1.5B") as path:
        for _ in range(check.pick(2, 1)):
            arguments = ("--model", path, "--prompts", str(len(work)), "--engine", json.dumps(whole))
            alone = record.apart("benchmarks.gpu.engines", *arguments)
            with cluster():
                pool = ours(path, work, **_engine(check))
            ratios.append(round(pool["tokens_per_s"] / alone["tokens_per_s"], 3))
            check.report("pair", plain=alone, pool=pool, ratio=ratios[-1])
    if not check.rehearsed:
        check.expect(max(ratios) >= LEAST_RATIO, f"through a pool {max(ratios):.2f} of plain vLLM's tokens/s arrive")


def plain_here() -> None:
    """Prints the speed of plain vLLM, in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--prompts", type=int)
    parser.add_argument("--engine", type=json.loads)
    options = parser.parse_args()
    print(json.dumps(plain(options.model, workload(options.prompts), **options.engine)))


def _engine(check: Check, **more: Any) -> dict[str, Any]:
    return {**check.pick({"gpus": 1, "max_num_seqs": 256}, {"kv_cache_gib": 1, "threads": os.cpu_count()}), **more}


def served(check: Check) -> None:
    """One replica behind Ray Serve: time until it is ready, an answer over HTTP, and nothing left after SIGTERM."""
    import socket

    import httpx

    with model_of(check, "0.5B") as path, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        before, began = used_gib(check), time.perf_counter()
        command = [str(Path(sys.executable).with_name("distilray")), "serve", path, "--port", str(port)]
        server = subprocess.Popen(command, stdout=sys.stdout, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            while server.poll() is None and not _ready(url):
                time.sleep(0.5)
            ready = time.perf_counter() - began
            body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16}
            name = httpx.get(f"{url}/v1/models", timeout=60).json()["data"][0]["id"]
            reply = httpx.post(f"{url}/v1/chat/completions", json={"model": name, **body}, timeout=120)
            held = used_gib(check) - before
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(120)
        check.report(
            "served", ready_s=round(ready, 1), status=reply.status_code, held_gib=round(held, 2),
            left_gib=round(used_gib(check) - before, 2), exit=server.returncode,
        )  # fmt: skip
        check.expect(reply.status_code == 200, f"a chat completion gave HTTP {reply.status_code}: {reply.text[:300]}")


def _ready(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


ENGINES = (
    Stage("machine", "benchmarks.gpu.machine:machine", 30, "versions, card, peak, one Triton kernel"),
    Stage("engine restarts", "benchmarks.gpu.engines:restarts", 240, "whether memory returns before the next phase"),
    Stage("two engines on one GPU", "benchmarks.gpu.engines:shared", 120, "sharing a GPU"),
    Stage("batched tokens", "benchmarks.gpu.engines:batched", 240, "max_num_batched_tokens"),
    Stage("pool against plain vLLM", "benchmarks.gpu.engines:against_plain", 300, "what a pool costs"),
    Stage("serve", "benchmarks.gpu.engines:served", 150, "a replica behind Ray Serve"),
)
"""With ``--minutes 20`` all of them; within seven the first ones."""


if __name__ == "__main__":
    plain_here()
