"""Benchmarks one after another, each writing its results below benchmarks/results/.

    python -m benchmarks speed     how fast: what `make bench` runs
    python -m benchmarks worth     what the steps and trainings are worth, where the truth is known: `make prove`

One that fails does not keep the others from running; the exit status says that there was one.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
GROUPS: dict[str, list[list[str]]] = {
    "speed": [
        ["engine_path.py", "--raydata", "--out", str(RESULTS / "engine_path.json")],
        ["engine_path.py", "--size", "2m", "--echo", "0", "--out", str(RESULTS / "engine_path_2m.json")],
        ["orchestration.py", "--rows", "100000", "1000000"],
        *(["training_overhead.py", "--kind", kind] for kind in ("sft", "dpo", "distill")),
        ["ds3_engines.py"],
        ["verifiers.py"],
    ],
    "worth": [["ds3.py"], ["ds3_claim.py"], ["kd_claim.py"], ["loss_curves.py"], ["practice_student.py"]],
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("group", choices=list(GROUPS))
    failed = []
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    for script, *arguments in GROUPS[parser.parse_args().group]:
        print(f"== {' '.join([script, *arguments])}", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *arguments], env=environment).returncode:
            failed.append(script)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
