"""One stream a runner, and whoever tries a unit again reads its lines alone."""

from __future__ import annotations

from typing import Any

import pytest

from distilray.ledger import Place, ReplyLog, ReplyStream, find_in_streams, find_replies, stream_folder
from distilray.ledger import reply_stream as streams
from distilray.ledger.segments import TAIL_BYTES, read_index
from distilray.storage import Store

PHASE = "steps/01-answer"


def reply(text: str) -> list[dict[str, Any]]:
    return [{"text": text, "finish_reason": "stop"}]


def put(stream: ReplyStream, store: Store, unit: str, key: str, text: str = "5") -> ReplyLog:
    log = ReplyLog(store, PHASE, unit, (), stream)
    log.put(key, reply(text))
    return log


def segments(store: Store) -> list[str]:
    return store.files_below(stream_folder(PHASE))


def test_units_share_a_stream_and_each_finds_its_own(store: Store) -> None:
    stream = ReplyStream(store, PHASE, "runner")
    for number in range(5):
        put(stream, store, f"u{number}", f"k{number}", str(number))
        put(stream, store, f"u{number}", f"again{number}")
    stream.close()
    assert segments(store) == [f"{stream_folder(PHASE, 'runner')}/000000.log"]
    places = find_replies(store, PHASE, ["u1", "u3", "u9"])
    assert set(places) == {"u1", "u3"}
    log = ReplyLog(store, PHASE, "u3", places["u3"])
    assert (len(log), log.get("k3"), log.get("again3"), log.get("k1")) == (2, reply("3"), reply("5"), None)


def test_the_lines_of_other_units_are_not_read(store: Store) -> None:
    stream = ReplyStream(store, PHASE, "runner")
    for unit in ("u1", "u2", "u3"):
        put(stream, store, unit, f"k-{unit}")
    stream.close()
    [path] = segments(store)
    index = read_index(store, path)
    text = bytearray(store.read(path))
    for unit in ("u1", "u3"):
        for offset, length in index[unit]:
            text[offset : offset + length] = b"?" * length
    store.write(path, bytes(text))
    assert ReplyLog(store, PHASE, "u2").get("k-u2") == reply("5")


def test_a_retry_in_the_same_session_looks_at_the_runners_that_had_the_unit(store: Store) -> None:
    for runner in ("dead", "other"):
        stream = ReplyStream(store, PHASE, runner)
        put(stream, store, "u", f"k-{runner}")
        stream.flush()  # no more than a kill leaves
    log = ReplyLog(store, PHASE, "u", find_in_streams(store, PHASE, "u", ["dead"]))
    assert (log.get("k-dead"), log.get("k-other")) == (reply("5"), None)


def test_what_was_sealed_before_a_kill_is_found_by_a_retry(store: Store) -> None:
    stream = ReplyStream(store, PHASE, "dead")
    put(stream, store, "u", "k").seal()
    assert ReplyLog(store, PHASE, "u", find_in_streams(store, PHASE, "u", ["dead"])).get("k") == reply("5")


def test_a_segment_is_deleted_when_all_of_its_units_are_recorded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FILE_BYTES", 1)  # each flush ends a segment, as on an object store
    stream = ReplyStream(store, PHASE, "runner")
    put(stream, store, "u1", "a")
    put(stream, store, "u2", "b")
    stream.flush()
    put(stream, store, "u2", "c")
    stream.flush()
    stream.recorded(["u1"])
    assert len(segments(store)) == 2
    assert ReplyLog(store, PHASE, "u2").get("b") == ReplyLog(store, PHASE, "u2").get("c") == reply("5")
    stream.recorded(["u2"])
    assert segments(store) == []


def test_an_index_that_is_longer_than_what_is_read_first_is_read_whole(store: Store) -> None:
    stream = ReplyStream(store, PHASE, "runner")
    units = [f"unit-{number:020d}" for number in range(TAIL_BYTES // 30)]
    for unit in units:
        stream.append(unit, b'["k",[],"%s"]\n' % unit.encode())
    stream.close()
    found = find_replies(store, PHASE, units)
    assert len(found) == len(units)
    assert ReplyLog(store, PHASE, units[-1], found[units[-1]]).get("k") == []


def test_places_that_are_gone_hold_nothing(store: Store) -> None:
    places = [
        Place("replies/steps/01-answer/u/sealed.zst"),
        Place("replies/steps/01-answer/streams/r/0.log", ((0, 9),)),
    ]
    assert len(ReplyLog(store, PHASE, "u", places)) == 0
