"""No reply is bought twice: what was logged before a kill is there for the next attempt."""

import asyncio
import multiprocessing
import os
import signal
import time

import pytest

from distilray.ledger import DamagedLog, ReplyLog, find_replies, stream_folder
from distilray.storage import Store

PHASE, UNIT = "01-answer+judge", "unit-000003"


def reply(text):
    return [{"text": text, "finish_reason": "stop", "tokens_in": 9, "tokens_out": 2, "cost": 0.5}]


def test_a_later_attempt_finds_what_earlier_ones_were_answered(store):
    for key, text in (("k1", "fünf"), ("k2", "五\r\n5")):
        log = ReplyLog(store, PHASE, UNIT)
        log.put(key, reply(text))
        log.close()
    log = ReplyLog(store, PHASE, UNIT)
    assert len(log) == 2
    assert log.get("k1") == reply("fünf") and log.get("k2") == reply("五\r\n5")
    assert log.get("k3") is None


def test_an_attempt_finds_its_own_replies_too(store):
    log = ReplyLog(store, PHASE, UNIT)
    log.put("k", reply("5"))
    assert log.get("k") == reply("5")
    log.drop()


def test_files_that_a_kill_left_on_their_way_are_none_of_the_log(store):
    log = ReplyLog(store, PHASE, UNIT)
    log.put("k", reply("5"))
    log.close()
    store.write(f"{log.folder}/.sealed.zst.0123456789abcdef", bytes(100))  # its name is that of a rename not yet done
    found = find_replies(store, PHASE, [UNIT])
    assert [place.path.rpartition("/")[2][:1] for place in found[UNIT]] != ["."] and len(found[UNIT]) == 1
    assert ReplyLog(store, PHASE, UNIT).get("k") == reply("5")


def test_flushed_replies_are_at_rest_before_the_log_is_closed(store):
    log = ReplyLog(store, PHASE, UNIT)
    log.put("k", reply("5"))
    log.flush()
    assert ReplyLog(store, PHASE, UNIT).get("k") == reply("5")
    log.drop()


def test_object_stores_get_replies_within_seconds_unasked(s3_store):
    log = ReplyLog(s3_store, PHASE, UNIT)
    log.put("k", reply("5"))
    wait_for(lambda: segments(s3_store))
    assert ReplyLog(s3_store, PHASE, UNIT).get("k") == reply("5")
    log.drop()


def test_a_full_segment_does_not_wait_for_the_clock(s3_store):
    log = ReplyLog(s3_store, PHASE, UNIT)
    start = time.monotonic()
    for number in range(120):
        log.put(f"k{number}", reply("x" * 10_000))
    while not segments(s3_store):
        assert time.monotonic() - start < 1.9, "no segment before its two seconds were over"
        time.sleep(0.02)
    log.close()
    assert len(ReplyLog(s3_store, PHASE, UNIT)) == 120


def test_dropping_removes_what_is_kept_of_the_unit_and_its_own_stream(store):
    for _ in range(2):
        log = ReplyLog(store, PHASE, UNIT)
        log.put("k", reply("5"))
        log.seal()
    log = ReplyLog(store, PHASE, UNIT)
    log.put("other", reply("6"))
    log.drop()
    assert store.files_below("replies") == []
    assert len(ReplyLog(store, PHASE, UNIT)) == 0


def test_a_sealed_log_keeps_what_was_used_and_nothing_else(store):
    first = ReplyLog(store, PHASE, UNIT)
    first.put("used", reply("5"))
    first.put("stale", reply("6"))
    first.close()
    log = ReplyLog(store, PHASE, UNIT)
    log.get("used")
    log.put("new", reply("五"))
    log.seal()
    assert store.names(log.folder) == ["sealed.zst"]
    store.delete_dir(stream_folder(PHASE))  # as the end of the phase does
    later = ReplyLog(store, PHASE, UNIT)
    assert later.get("used") == reply("5") and later.get("new") == reply("五") and later.get("stale") is None


def test_a_changed_phase_finds_the_replies_of_the_one_before(store):
    log = ReplyLog(store, PHASE, UNIT)
    log.put("k", reply("5"))
    log.seal()
    places = find_replies(store, "01-answer+rate", [UNIT, "unit-000009"], before=[PHASE, "01-never-run"])
    assert list(places) == [UNIT]
    assert ReplyLog(store, "01-answer+rate", UNIT, places[UNIT]).get("k") == reply("5")


def test_a_damaged_seal_is_an_error_that_names_the_file(local_store):
    log = ReplyLog(local_store, PHASE, UNIT)
    log.put("k", reply("5"))
    log.seal()
    local_store.write(f"{log.folder}/sealed.zst", b"not zstd at all")
    with pytest.raises(DamagedLog, match=r"unit-000003/sealed\.zst"):
        ReplyLog(local_store, PHASE, UNIT)


def test_a_line_torn_by_a_kill_is_ignored(local_store):
    log = ReplyLog(local_store, PHASE, UNIT)
    log.put("whole", reply("5"))
    log.put("torn", reply("6"))
    log.flush()  # killed before its segment was ended
    [path] = segments(local_store)
    local_store.write(path, local_store.read(path)[:-9])
    log = ReplyLog(local_store, PHASE, UNIT)
    assert log.get("whole") == reply("5") and log.get("torn") is None


@pytest.mark.parametrize("ended", [True, False])
def test_damage_that_no_kill_explains_is_an_error_that_names_the_line(local_store, ended):
    log = ReplyLog(local_store, PHASE, UNIT)
    for number in range(3):
        log.put(f"k{number}", reply("5"))
    (log.close if ended else log.flush)()
    [path] = segments(local_store)
    first, second, *rest = local_store.read(path).splitlines(keepends=True)
    local_store.write(path, b"".join([first, second[:20].ljust(len(second) - 1, b"?"), b"\n", *rest]))
    with pytest.raises(DamagedLog, match=r"replies/01-answer\+judge/streams/.*\.log, line 2"):
        ReplyLog(local_store, PHASE, UNIT)


def test_replies_survive_kill_9_right_after_they_were_put(local_store):
    read, write = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=log_and_hang, args=(local_store.uri, write))
    child.start()
    os.read(read, 1)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    log = ReplyLog(local_store, PHASE, UNIT)
    assert [log.get(f"k{number}") for number in range(500)] == [reply(str(number)) for number in range(500)]


def log_and_hang(uri, ready):
    log = ReplyLog(Store(uri), PHASE, UNIT)
    for number in range(500):
        log.put(f"k{number}", reply(str(number)))
    os.write(ready, b".")
    time.sleep(600)


def test_logging_costs_less_than_20_microseconds_of_a_runner_s_loop_a_reply(local_store):
    async def puts():
        log = ReplyLog(local_store, PHASE, UNIT)
        best = min([await seconds_for_puts(log, 10_000) for _ in range(5)])
        log.drop()
        return best

    assert asyncio.run(puts()) < 10_000 * 20e-6


async def seconds_for_puts(log, n):
    """Of this thread: another one stores them, and the machine may be busy."""
    start = time.thread_time()
    for number in range(n):
        log.put(f"key-{number}", reply("What is 2 + 3? It is 5. " * 8))
        if number % 20 == 0:
            await asyncio.sleep(0)
    return time.thread_time() - start


def segments(store):
    return store.files_below(stream_folder(PHASE))


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_what_is_put_in_one_turn_of_a_loop_is_at_rest_soon_after(local_store):
    async def puts():
        log = ReplyLog(local_store, PHASE, UNIT)
        for number in range(3):
            log.put(f"k{number}", reply("5"))
        assert not segments(local_store)
        await asyncio.sleep(0)
        await asyncio.to_thread(
            wait_for, lambda: len(ReplyLog(local_store, PHASE, UNIT)) == 3
        )  # what a kill would leave
        log.put("k3", reply("5"))
        log.close()  # in the same turn

    asyncio.run(puts())
    assert len(ReplyLog(local_store, PHASE, UNIT)) == 4


def test_a_disk_that_refuses_is_told_to_whoever_puts_next_until_it_takes_what_waits(local_store):
    async def puts():
        local_store.write("replies", b"a file where the log's folder should be")
        log = ReplyLog(local_store, PHASE, UNIT, places=())
        log.put("k0", reply("5"))
        await asyncio.sleep(0.5)
        with pytest.raises(OSError, match="cannot be written"):
            log.put("k1", reply("5"))
        local_store.delete("replies")
        log.flush()
        log.put("k2", reply("5"))
        log.close()

    asyncio.run(puts())
    found = ReplyLog(local_store, PHASE, UNIT)
    assert (found.get("k0"), found.get("k1"), found.get("k2")) == (reply("5"), None, reply("5"))


def test_replies_of_earlier_releases_are_found(local_store):
    """A log of its own for each attempt at a unit, of two columns."""
    lines = [b'["whole",[{"text":"5"}]]', b'["torn",[{"te']
    local_store.write(f"replies/{PHASE}/{UNIT}/00017-ab.log", b"\n".join(lines))
    log = ReplyLog(local_store, PHASE, UNIT)
    assert log.get("whole") == [{"text": "5"}] and log.get("torn") is None
    log.seal()
    assert local_store.names(log.folder) == ["sealed.zst"]
