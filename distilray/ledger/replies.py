"""The reply log: a unit's replies by key, so that none is paid for twice, even after ``kill -9`` or a change of a step.

    log = ReplyLog(store, "steps/01-answer+judge", "unit-000004")
    log.get(key)                      # None, or the reply to an earlier attempt
    log.put(key, [{"text": "5", "finish_reason": "stop", "tokens_out": 2}])
    log.seal()                        # the unit is about to be published: its replies are kept, compressed, in one file

A key hashes everything that determines a reply, so a phase that runs again because one of its steps changed replays
the replies of the other steps and asks only what is new.

Replies arrive in the stream of the unit's runner (:mod:`distilray.ledger.reply_stream`); whoever tries a unit again is
told where in earlier streams its replies are, and reads nothing else of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pyarrow as pa

from distilray.ledger.reply_stream import REPLIES, STREAMS, ReplyStream, stream_folder
from distilray.ledger.segments import REMEDY, DamagedLog, Place, decode_lines, read_index, read_runs
from distilray.storage import Store

SEALED = "sealed.zst"
READS_AT_ONCE = 32
READS_OF_A_UNIT = 8

Places = dict[str, tuple[Place, ...]]
"""Unit to where its replies are."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


class ReplyLog:
    """Replies by key for one attempt at one unit; opening it loads what earlier attempts logged."""

    def __init__(
        self,
        store: Store,
        phase: str,
        unit: str,
        places: Sequence[Place] | None = None,
        stream: ReplyStream | None = None,
    ) -> None:
        """``phase`` is the phase's directory in the run; ``places`` where earlier replies are (None: looked up), and
        ``stream`` the runner's (None: one of its own)."""
        self.store, self.unit = store, unit
        self.folder = f"{REPLIES}/{phase}/{unit}"
        self._own = stream is None
        self._stream = stream or ReplyStream(store, phase, uuid.uuid4().hex)
        self._known: dict[str, list[dict[str, Any]] | msgspec.Raw] = {}
        self._used: set[str] = set()
        if places is None:
            places = find_replies(store, phase, [unit]).get(unit, ())
        self._files = [place.path for place in places if place.path.startswith(f"{self.folder}/")]
        if places:
            with ThreadPoolExecutor(READS_OF_A_UNIT) as pool:
                for replies in pool.map(lambda place: _read(store, place), places):
                    self._known.update(replies)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> list[dict[str, Any]] | None:
        """The replies to ``key``, from this attempt or an earlier one."""
        found = self._known.get(key)
        if found is not None:
            self._used.add(key)
        return _decode(found) if isinstance(found, msgspec.Raw) else found

    def put(self, key: str, replies: list[dict[str, Any]]) -> None:
        """Logs the replies to ``key``. Raises :class:`OSError` if the log cannot be written."""
        self._stream.append(self.unit, _encode((key, replies, self.unit)) + b"\n")
        self._known[key] = replies
        self._used.add(key)

    def flush(self) -> None:
        """Returns when every ``put`` is stored."""
        self._stream.flush()

    def close(self) -> None:
        """Flushes the log; its contents stay for the next attempt."""
        if self._own:
            self._stream.close()
        else:
            self._stream.flush()

    def seal(self) -> None:
        """Keeps what this attempt used as one compressed file. Call it before the unit is published, so that a kill
        between the two costs neither."""
        if not self._used:
            return self.drop()
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as file:
            for key in self._used:
                file.write(_encode((key, self._known[key])) + b"\n")
        self.store.write(f"{self.folder}/{SEALED}", sink.getvalue())
        self._end(f"{self.folder}/{SEALED}")

    def drop(self) -> None:
        """Keeps nothing of this unit: it is published."""
        self._end()

    def _end(self, kept: str = "") -> None:
        for path in self._files:
            if path != kept:
                self.store.delete(path)
        self._stream.forget(self.unit)
        if self._own:
            self._stream.close()
            self._stream.recorded([self.unit])


def find_replies(store: Store, phase: str, units: Collection[str], before: Sequence[str] = ()) -> Places:
    """Where replies to ``units`` of ``phase`` are, from all attempts of all runners so far, and where those are that
    earlier phases, ``before``, have sealed. Reads the indexes of streams, and no reply. Raises :class:`DamagedLog`."""
    wanted = set(units)
    found: dict[str, list[Place]] = {}
    segments = []
    for folder in (*before, phase):
        for path in store.files_below(f"{REPLIES}/{folder}"):
            unit, _, name = path.removeprefix(f"{REPLIES}/{folder}/").rpartition("/")
            if name.startswith("."):  # on its way to another name when a kill came
                continue
            if unit in wanted and (name == SEALED or folder == phase):
                found.setdefault(unit, []).append(Place(path))
            elif folder == phase and unit.partition("/")[0] == STREAMS:
                segments.append(path)
    _find_in(store, segments, wanted, found)
    return {unit: tuple(places) for unit, places in found.items()}


def find_in_streams(store: Store, phase: str, unit: str, runners: Sequence[str]) -> tuple[Place, ...]:
    """Where replies to ``unit`` are that ``runners`` of this session were given."""
    found = {unit: [Place(f"{REPLIES}/{phase}/{unit}/{SEALED}")]}  # where a kill came before the unit was published
    folders = [stream_folder(phase, runner) for runner in runners]
    _find_in(store, [f"{folder}/{name}" for folder in folders for name in store.names(folder)], {unit}, found)
    return tuple(found[unit])


def _find_in(store: Store, segments: Sequence[str], units: set[str], found: dict[str, list[Place]]) -> None:
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        for path, index in zip(segments, pool.map(lambda path: read_index(store, path), segments), strict=True):
            for unit in index.keys() & units:
                found.setdefault(unit, []).append(Place(path, tuple(index[unit])))


def _read(store: Store, place: Place) -> dict[str, msgspec.Raw]:
    lines = read_runs(store, place)
    if lines and place.path.endswith(SEALED):
        try:
            lines = pa.input_stream(pa.py_buffer(lines), compression="zstd").read()
        except OSError as error:
            raise DamagedLog(f"{store.shown}/{place.path} cannot be decompressed ({error}); {REMEDY}") from error
    return decode_lines(store, place.path, lines)
