"""What a few minutes on one GPU settle: speed and memory of training against the plan, sharding, offload, engines.

    python -m benchmarks.gpu_check                 # seven minutes: needs torch, transformers, accelerate, peft, trl
    python -m benchmarks.gpu_check --engines       # engines and serving: needs vLLM and Ray too
    python -m benchmarks.gpu_check --rehearse      # the same code with tiny shapes on a CPU

Every stage is a process of its own with its own limit of time; one that fails, runs out of memory or out of time does
not keep the others from reporting. Nothing is fetched: weights and rows are random. What became of a stage is printed
as one line of JSON as soon as it is known, and kept in benchmarks/results/gpu/CARD.json. The exit status is 1 if a
stage did not pass.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.gpu.running import run
from benchmarks.gpu.stage import Stage

MINUTES, RESERVE_S = 7.0, 60.0


def chosen(options: Any) -> list[Stage]:
    """The stages that the command line asks for."""
    default = "benchmarks.gpu.engines:ENGINES" if options.engines else "benchmarks.gpu.stages:TRAINING"
    module, _, name = (options.stages or default).partition(":")
    found = [stage for stage in getattr(importlib.import_module(module), name) if stage.name.startswith(options.only)]
    return [replace(stage, limit_s=stage.limit_s * options.patience) for stage in found]


def card_of(results: list[dict[str, Any]]) -> str:
    """A file's name for the card that the first stage found."""
    parts = [part for result in results for part in result.get("parts", ()) if part["part"] == "card"]
    name = parts[0]["name"] if parts else "unknown card"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def main() -> None:
    parser = record.command_line(__doc__, "gpu/CARD.json")
    parser.set_defaults(out=None)
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes on a CPU; writes nothing without --out")
    parser.add_argument("--engines", action="store_true", help="engines and serving in place of training")
    parser.add_argument("--only", default="", help="stages whose name begins so")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"for all stages together; default: {MINUTES:g}")
    parser.add_argument(
        "--reserve", type=float, default=RESERVE_S, help=f"seconds kept of them; default: {RESERVE_S:g}"
    )
    parser.add_argument("--stages", help="other stages: package.module:NAME; benchmarks.gpu.stages:MORE has some")
    parser.add_argument("--patience", type=float, default=1.0, help="times each limit, for a slow machine")
    parser.add_argument("--without", default="", help="packages that must not be needed: a,b,c")
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    time = {"seconds": 60 * options.minutes, "reserve": options.reserve}
    for result in run(chosen(options), rehearsed=options.rehearse, without=options.without, **time):
        results.append(result)
        print(json.dumps(result), flush=True)
        if options.out or not options.rehearse:
            kept(options.out or record.RESULTS / "gpu" / f"{card_of(results)}.json", results)
    wrong = {result["stage"]: result["outcome"] for result in results if result["outcome"] != "passed"}
    print(json.dumps({"passed": len(results) - len(wrong), "not passed": wrong}), flush=True)
    sys.exit(bool(wrong))


def kept(out: Path, results: list[dict[str, Any]]) -> None:
    """Adds ``results`` to those of other stages in ``out``."""
    names = {result["stage"] for result in results}
    earlier = [result for result in record.earlier(out, "stages") or () if result["stage"] not in names]
    record.write(out, {"stages": [*earlier, *results]})


if __name__ == "__main__":
    main()
