"""One driver at a time: whoever comes second is refused, and a dead holder blocks nobody."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from distilray.ledger import Lease, RunIsHeld
from distilray.storage import Store

HOLDER = """
import sys, time
from distilray.ledger import Lease
from distilray.storage import Store
lease = Lease.acquire(Store(sys.argv[1]), ttl_s=float(sys.argv[2]), note="the test's holder")
print("held", flush=True)
lease.lost.wait()
print("lost", lease.why_lost, flush=True)
"""

CONTENDER = """
import sys
from distilray.ledger import Lease, RunIsHeld
from distilray.storage import Store
store = Store(sys.argv[1])
for trial in range(int(sys.argv[2])):
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        lease = Lease.acquire(store, ttl_s=4)
        print("won", flush=True)
        sys.stdin.readline()
        assert not lease.lost.is_set(), lease.why_lost
        lease.release()
    except RunIsHeld:
        print("refused", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def start():
    """Starts a driver of its own process; all are gone after the test."""
    children = []

    def start(code, *arguments):
        child = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


def test_a_second_driver_is_refused_and_told_who_holds_the_run(store):
    refused = rf"held by process {os.getpid()} on .* quickstart.*kill {os.getpid()}"
    with Lease.acquire(store, ttl_s=2, note="quickstart"), pytest.raises(RunIsHeld, match=refused):
        Lease.acquire(store, ttl_s=2)


def test_a_released_run_is_free_at_once(store):
    Lease.acquire(store, ttl_s=60).release()
    start = time.monotonic()
    with Lease.acquire(store, ttl_s=60) as lease:
        assert not lease.lost.is_set()
    assert time.monotonic() - start < 10
    assert store.names("lease") == []


def test_a_holder_keeps_its_lease_for_longer_than_its_ttl(store):
    with Lease.acquire(store, ttl_s=1) as lease:
        time.sleep(2.5)
        assert not lease.lost.is_set()
        with pytest.raises(RunIsHeld):
            Lease.acquire(store, ttl_s=1)


def test_a_holder_killed_with_9_is_followed_at_once_on_the_same_machine(store, start):
    holder = start(HOLDER, store.uri, 300)
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)  # not waited for: a zombie is as dead
    begun = time.monotonic()
    with Lease.acquire(store, ttl_s=300):
        assert time.monotonic() - begun < 30


@pytest.mark.slow
def test_a_stopped_holder_that_wakes_after_a_takeover_knows_it_lost(store, start):
    holder = start(HOLDER, store.uri, 1.5)
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGSTOP)
    with Lease.acquire(store, ttl_s=1.5) as lease:
        holder.send_signal(signal.SIGCONT)
        assert holder.stdout.readline().startswith("lost")
        time.sleep(1)  # two heartbeats: whatever the old holder wrote when it woke does not disturb the new one
        assert not lease.lost.is_set()
    assert holder.wait(30) == 0


def test_a_claim_of_an_unreachable_machine_is_taken_over_only_after_watching_it(local_store):
    claim = written_elsewhere(local_store, ttl_s=1.0)
    begun = time.monotonic()
    with Lease.acquire(local_store, ttl_s=1):
        assert time.monotonic() - begun >= 1.5
        assert not local_store.exists(claim)


def test_a_claim_elsewhere_whose_counter_moves_is_respected_whatever_its_clock_says(local_store):
    claim = written_elsewhere(local_store, ttl_s=1.0)
    stop = threading.Event()

    def beat():
        while not stop.wait(0.2):
            told = local_store.read_json(claim)
            local_store.write_json(claim, {**told, "beat": told["beat"] + 1})

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(RunIsHeld, match="on far-away since 1999"):
            Lease.acquire(local_store, ttl_s=1)
    finally:
        stop.set()
        thread.join()


def test_a_holder_whose_claim_was_taken_away_knows_it_lost(store):
    with Lease.acquire(store, ttl_s=1) as lease:
        store.delete_dir("lease")
        assert lease.lost.wait(10)
        assert "took the lease over" in lease.why_lost


def test_a_holder_that_cannot_reach_the_store_knows_it_lost(tmp_path):
    store = Store(tmp_path / "run")
    with Lease.acquire(store, ttl_s=1) as lease:
        folder = tmp_path / "run" / "lease"
        folder.rename(tmp_path / "away")
        folder.write_text("a file where the folder was: nothing can be written below it")
        assert lease.lost.wait(10)
        folder.unlink()
        (tmp_path / "away").rename(folder)


def test_of_many_threads_that_claim_at_once_exactly_one_wins(local_store):
    for _ in range(8):
        assert winners_of_threads(local_store, 6) == 1


@pytest.mark.slow
def test_of_many_threads_on_an_object_store_exactly_one_wins(s3_store):
    for _ in range(10):
        assert winners_of_threads(s3_store, 4) == 1


@pytest.mark.slow
def test_of_many_processes_that_claim_at_once_exactly_one_wins(store, start):
    trials, drivers = 10, 4
    contenders = [start(CONTENDER, store.uri, trials) for _ in range(drivers)]
    for trial in range(trials):
        for contender in contenders:
            assert contender.stdout.readline() == "ready\n"
        for contender in contenders:
            contender.stdin.write("go\n")
            contender.stdin.flush()
        said = [contender.stdout.readline().strip() for contender in contenders]
        assert sorted(said) == ["refused"] * (drivers - 1) + ["won"], f"trial {trial}"
        for contender in contenders:
            contender.stdin.write("on\n")
            contender.stdin.flush()


def winners_of_threads(store, n):
    """How many of ``n`` threads got the lease; each winner keeps it until all have an answer."""
    together = threading.Barrier(n)

    def contend():
        together.wait()
        try:
            return Lease.acquire(store, ttl_s=4)
        except RunIsHeld:
            return None

    with ThreadPoolExecutor(n) as pool:
        answers = [future.result() for future in [pool.submit(contend) for _ in range(n)]]
    leases = [lease for lease in answers if lease is not None]
    assert not any(lease.lost.is_set() for lease in leases)
    for lease in leases:
        lease.release()
    return len(leases)


def written_elsewhere(store, ttl_s):
    """The path of a claim by a holder on another machine, with a clock of the last century."""
    lease = Lease.acquire(store, ttl_s=60)
    told = store.read_json(lease.claim.path)
    lease.release()
    path = "lease/far.json"
    there = {"owner": "far", "host": "far-away", "since": "1999-12-31T23:59:59+00:00", "ttl_s": ttl_s}
    store.write_json(path, {**told, **there})
    return path
