"""The pool: many checks at once, deadlines, dead workers, other threads, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from distilray.verifiers import Verdict, VerifierPool

HANGS = r"\boxed{\sum_{k=1}^{100000}\frac{1}{k^3+k+1}}"  # SymPy sets out to compute it


def ask(pool: VerifierPool, *checks: tuple[str, str, object]) -> list[Verdict]:
    async def decide() -> list[Verdict]:
        try:
            return list(await asyncio.gather(*(pool.verify(*check) for check in checks)))
        finally:
            await pool.close()

    return asyncio.run(decide())


def test_many_checks_of_many_kinds_at_once():
    checks = [("numeric", f"so {n}", str(n)) for n in range(500)] + [
        ("choice", "(B)", "B"),
        ("language", "你好世界", "zh"),
    ]
    assert all(verdict.right for verdict in ask(VerifierPool(workers=2), *checks))


def test_one_check_after_the_other_each_gets_its_verdict():
    async def in_turn() -> list[bool | None]:
        pool = VerifierPool(workers=1)
        correct = [(await pool.verify("numeric", "5", str(n))).right for n in (5, 6, 5, 6)]
        await pool.close()
        return correct

    # Around them all: within its own time-out each check would be a task, which asks a moment later.
    assert asyncio.run(asyncio.wait_for(in_turn(), 300)) == [True, False, True, False]


def test_a_check_that_hangs_costs_itself_only():
    checks = [("math", r"\boxed{\sqrt{8}}", r"2\sqrt2"), ("math", HANGS, "5"), ("math", r"\boxed{1}", "1")]
    pool = VerifierPool(workers=1, deadline_s=20.0)
    verdicts = ask(pool, *checks)
    assert [verdict.right for verdict in verdicts] == [True, None, True]
    assert "no verdict within" in verdicts[1].reason


def test_a_worker_that_stops_answering_is_killed_and_replaced():
    async def freeze() -> tuple[Verdict, Verdict, int]:
        pool = VerifierPool(workers=1, deadline_s=2.0)
        await pool.verify("numeric", "1", "1")
        os.kill(pool._idle[0].process.pid, signal.SIGSTOP)
        lost, after = await asyncio.gather(pool.verify("numeric", "2", "2"), pool.verify("numeric", "3", "3"))
        await pool.close()
        return lost, after, pool.replaced

    lost, after, replaced = asyncio.run(freeze())
    assert lost.right is None
    assert "killed" in lost.reason
    assert after.right is True
    assert replaced == 1


def test_a_worker_that_dies_costs_one_check():
    async def kill() -> tuple[Verdict, Verdict]:
        pool = VerifierPool(workers=1)
        await pool.verify("numeric", "1", "1")
        os.kill(pool._idle[0].process.pid, signal.SIGKILL)
        lost, after = await asyncio.gather(pool.verify("numeric", "2", "2"), pool.verify("numeric", "3", "3"))
        await pool.close()
        return lost, after

    lost, after = asyncio.run(kill())
    assert lost.right is None
    assert after.right is True


def test_the_loop_goes_on_while_a_check_computes():
    async def ticks() -> float:
        pool = VerifierPool(workers=1, deadline_s=15.0)
        await pool.verify("math", r"\boxed{1}", "1")
        check = asyncio.create_task(pool.verify("math", HANGS, "5"))
        longest, last = 0.0, time.monotonic()
        while not check.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        await pool.close()
        return longest

    assert asyncio.run(ticks()) < 5.0  # generous: the machine may be busy, but the check takes 12 s


def test_a_pool_works_on_a_loop_in_another_thread():
    found: list[Verdict] = []
    thread = threading.Thread(target=lambda: found.extend(ask(VerifierPool(), ("numeric", "so 5", "5"))))
    thread.start()
    thread.join()
    assert found[0].right is True


def test_a_pool_starts_over_on_a_new_loop():
    pool = VerifierPool()
    assert asyncio.run(pool.verify("numeric", "5", "5")).right is True
    assert asyncio.run(pool.verify("numeric", "6", "6")).right is True
    pool.close_now()


def test_closing_leaves_waiting_checks_undecided():
    async def close() -> Verdict:
        pool = VerifierPool(workers=1)
        check = asyncio.create_task(pool.verify("math", HANGS, "5"))
        await asyncio.sleep(0.5)
        await pool.close()
        return await asyncio.wait_for(check, 30)

    assert asyncio.run(close()).right is None


def test_workers_die_with_their_parent():
    program = (
        "import asyncio, os, signal\n"
        "from distilray.verifiers import VerifierPool\n"
        "async def main():\n"
        "    pool = VerifierPool(1)\n"
        "    await pool.verify('code', 'print(1)', [{'input': '', 'output': '1'}])\n"
        "    print(pool._idle[0].process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    worker = int(ended.stdout)
    until = time.monotonic() + 30
    while os.path.exists(f"/proc/{worker}") and time.monotonic() < until:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{worker}")


def test_an_unknown_kind_is_refused_with_the_kinds_there_are():
    with pytest.raises(ValueError, match="'taste'.*math, code"):
        asyncio.run(VerifierPool().verify("taste", "a", "b"))


def test_a_verifiers_crash_is_an_undecided_row():
    verdict = ask(VerifierPool(), ("format", "x", {"type": "regex", "pattern": "("}))[0]
    assert verdict.right is None
    assert "failed" in verdict.reason


def test_two_thousand_checks_leave_no_memory_behind():
    async def grow() -> tuple[int, int]:
        pool = VerifierPool(workers=1)

        async def some(count: int) -> int:
            await asyncio.gather(*(pool.verify("math", rf"\boxed{{{n}/7}}", f"{n + 1}/7") for n in range(count)))
            with open(f"/proc/{pool._idle[0].process.pid}/statm") as handle:
                return int(handle.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        before = await some(500)
        after = await some(2000)
        await pool.close()
        return before, after

    before, after = asyncio.run(grow())
    assert after - before < 8 << 20
