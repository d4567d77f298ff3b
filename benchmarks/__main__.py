"""Benchmarks one after another, each writing its results below benchmarks/results/.

    python -m benchmarks speed     how fast: what `make bench` runs
    python -m benchmarks worth     what the steps and trainings are worth, where the truth is known: `make prove`

One that fails does not keep the others from running; the exit status says that there was one.
"""

import argparse
import subprocess
import sys

from benchmarks import record

GROUPS: dict[str, list[list[str]]] = {
    "speed": [
        ["engine_path", "--raydata"],
        ["engine_path", "--size", "2m", "--echo", "0", "--out", str(record.RESULTS / "engine_path_2m.json")],
        ["orchestration", "--rows", "100000", "1000000"],
        *(["training_overhead", "--kind", kind] for kind in ("sft", "dpo", "distill")),
        ["places"],
        ["scale"],
        ["scale", "--s3", "--rows", "1000000"],
        ["simulate"],
        ["ingest"],
        ["global_step"],
        ["ds3_engines"],
        ["verifiers"],
        ["global_steps"],
    ],
    "worth": [
        ["ds3"],
        ["style_claim"],
        ["own_claim"],
        ["ds3_claim"],
        ["kd_claim"],
        ["selection_claim"],
        ["truth_table"],
        ["loss_curves"],
        ["practice_student"],
    ],
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("group", choices=list(GROUPS))
    failed = []
    for program, *arguments in GROUPS[parser.parse_args().group]:
        print(f"== {' '.join([program, *arguments])}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{program}", *arguments], cwd=record.ROOT).returncode:
            failed.append(program)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
