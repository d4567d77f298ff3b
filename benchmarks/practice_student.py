"""What the practice world's warm student can reach at best: trained on right answers, without Ray or recipe.

    python -m benchmarks.practice_student --runs 2000x400 4000x800

Plain PyTorch and AdamW, about 36 rows a step, greedy accuracy on 500 held-out problems. "Near its own
ceiling" in the demo means near these figures.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from benchmarks import record


def accuracy(model: Any, tokenizer: Any, rows: int = 500) -> dict[str, float]:
    from distilray.practice.examples import is_right  # torch
    from distilray.practice.measurement import greedy, held_out

    examples = held_out(["conversation"], rows, seed=2024)
    ids = greedy(model, tokenizer, [example.messages for example in examples])
    right = [is_right(e, reply) for e, reply in zip(examples, tokenizer.batch_decode(ids), strict=True)]
    share = sum(right) / rows
    return {
        "accuracy": round(share, 4),
        "stderr": round(math.sqrt(share * (1 - share) / rows), 4),
        "mean_output_tokens": round(sum(len(reply) + 1 for reply in ids) / rows, 1),
    }


def again_and_again(examples: list[Any], seed: int) -> Iterator[Any]:
    rng = random.Random(seed)
    while True:
        rng.shuffle(examples)
        yield from examples


def progress(step: int, loss: float) -> None:
    print(f"step {step}, loss {loss:.4f}", flush=True)


def main() -> None:
    parser = record.command_line(__doc__, "practice_student.json")
    parser.add_argument("--runs", nargs="+", default=["2000x400", "4000x800"], help="rows x steps")
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-3])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for figures in measure(options.runs, options.rates, options.seed):
        print(figures["runs"][-1], flush=True)
        record.write(options.out, figures)


def measure(sizes: list[str], rates: list[float], seed: int) -> Iterator[dict[str, Any]]:
    """Yields all figures taken so far, after every training."""
    import torch

    from distilray.practice.checkpoints import CHECKPOINTS, load
    from distilray.practice.tokenizer import load_tokenizer
    from distilray.practice.training import adamw, stream, train

    student = CHECKPOINTS / "student_warm"
    tokenizer = load_tokenizer(student)
    runs: list[dict[str, Any]] = []
    figures = {"threads": torch.get_num_threads(), "before": accuracy(load(student), tokenizer), "runs": runs}
    for size, rate in itertools.product(sizes, rates):
        rows, steps = map(int, size.split("x"))
        model = load(student)
        gold = list(itertools.islice(stream({"conversation": 1.0}, tokenizer, seed=1000 + seed), rows))
        examples = again_and_again(gold, seed)
        seconds = train(model, examples, steps=steps, rate=rate, seed=seed, optimizers=adamw, report=progress)
        found = {"rows": rows, "steps": steps, "rate": rate, "seed": seed, "seconds": round(seconds, 1)}
        runs.append(found | accuracy(model, tokenizer))
        yield figures


if __name__ == "__main__":
    main()
