"""Verifier throughput per core, and memory over 100,000 checks.

    python -m benchmarks.verifiers

Rates are checks per second of CPU time on one core (so that a busy machine does not blur them) and of wall time. The
maths rows are our own test cases and generated ones; every check differs, so that caches do not flatter it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import time

from benchmarks import record
from distilray.verifiers import Verdict, VerifierPool, numeric_equal, protections, verify_now

Check = tuple[str, str, object]
SIGNS = [r"\boxed{{{}}}", "The answer is {}.", "答案是{}。", "#### {}"]


def numbers(count: int, seed: int) -> list[Check]:
    draw = random.Random(seed)
    checks: list[Check] = []
    for _ in range(count):
        above, below = draw.randint(1, 10**6), draw.randint(2, 999)
        text = draw.choice(
            [f"{above:,}", rf"\frac{{{above}}}{{{below}}}", f"{above / 100}", f"{above}%", f"{above} cm"]
        )
        checks.append(("math", draw.choice(SIGNS).format(text), text if draw.random() < 0.5 else str(above + 1)))
    return checks


def expressions(count: int, seed: int) -> list[Check]:
    draw = random.Random(seed)
    checks: list[Check] = []
    for _ in range(count):
        a, b = draw.randint(2, 999), draw.randint(2, 99)
        given, gold = draw.choice([
            (rf"{a}\sqrt{{{b}}}+x", rf"x+{a}\sqrt{{{b}}}"),
            (rf"(x+{a})(x-{b})", rf"x^2+{a - b}x-{a * b}"),
            (rf"\frac{{{a}x}}{{{b}}}", rf"\frac{{{a + 1}x}}{{{b}}}"),
            (rf"{a}\pi^2", rf"\pi^2\cdot{a}"),
        ])  # fmt: skip
        checks.append(("math", rf"\boxed{{{given}}}", gold))
    return checks


def programs(count: int, tests: int) -> list[Check]:
    calls = [{"function": "f", "args": [n], "expected": n * n} for n in range(tests)]
    return [("code", f"def f(n):\n    return n * n  # {number}\n", calls) for number in range(count)]


def in_process(checks: list[Check]) -> dict[str, float]:
    verify_now(*checks[0])
    wall, cpu = time.perf_counter(), _cpu_s()
    for check in checks:
        verify_now(*check)
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    return {"checks": len(checks), "per_cpu_s": round(len(checks) / cpu, 1), "per_wall_s": round(len(checks) / wall, 1)}


def _cpu_s() -> float:
    return time.process_time()


async def pooled(pool: VerifierPool, checks: list[Check]) -> tuple[list[Verdict], float]:
    started = time.perf_counter()
    verdicts = list(await asyncio.gather(*(pool.verify(*check) for check in checks)))
    return verdicts, time.perf_counter() - started


async def code_rate(checks: list[Check], workers: int) -> dict[str, float]:
    """Wall time: the work is in the sandboxes' processes, most of it the kernel's."""
    pool = VerifierPool(workers=workers)
    await pooled(pool, checks[: 5 * workers])
    verdicts, wall = await pooled(pool, checks)
    await pool.close()
    assert all(verdict.right for verdict in verdicts)
    rate = len(checks) / wall
    return {
        "checks": len(checks), "tests_each": len(checks[0][2]), "workers": workers,  # type: ignore[arg-type]
        "per_wall_s": round(rate, 1), "per_core_s": round(rate / min(workers, os.cpu_count() or 1), 1),
    }  # fmt: skip


async def leak(count: int) -> dict[str, object]:
    """Resident memory of one worker and of this process while `count` different checks pass through."""
    pool = VerifierPool(workers=1)
    marks: list[dict[str, float]] = []
    done = 0
    started = time.perf_counter()
    while done < count:
        batch = numbers(4950, seed=done) + expressions(50, seed=done)
        await pooled(pool, batch)
        done += len(batch)
        worker = pool._idle[0].process.pid
        marks.append({"checks": done, "worker_mb": _resident_mb(worker), "pool_mb": _resident_mb(os.getpid())})
    wall = time.perf_counter() - started
    descriptors = len(os.listdir(f"/proc/{worker}/fd"))
    await pool.close()
    return {
        "checks": done, "per_wall_s": round(done / wall, 1), "workers_replaced": pool.replaced,
        "worker_descriptors_at_end": descriptors, "resident": [marks[0], marks[len(marks) // 2], marks[-1]],
    }  # fmt: skip


def _resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/statm", encoding="ascii") as handle:
        return round(int(handle.read().split()[1]) * resource.getpagesize() / (1 << 20), 1)


def main() -> None:
    parser = record.command_line(__doc__, "verifiers.json")
    parser.add_argument("--leak-checks", type=int, default=100_000)
    options = parser.parse_args()
    cheap = numbers(20_000, seed=1)
    started = time.process_time()
    for _, answer, reference in cheap:
        numeric_equal(answer, str(reference))
    figures = {
        "protections": protections(),
        "numeric_equal": {"us_per_check": round((time.process_time() - started) / len(cheap) * 1e6, 1)},
        "maths, numbers": in_process(numbers(20_000, seed=2)),
        "maths, expressions": in_process(expressions(1_000, seed=3)),
        "code, 5 calls": asyncio.run(code_rate(programs(300, tests=5), 1)),
        "code, 5 calls, all cores": asyncio.run(code_rate(programs(600, tests=5), os.cpu_count() or 1)),
        "leak": asyncio.run(leak(options.leak_checks)),
    }
    record.write(options.out, figures, packages=("sympy", "math-verify", "lm-eval", "py3langid"))
    print(json.dumps(figures, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
