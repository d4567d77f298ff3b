"""What an engine says in its log while it starts: the sign that it is getting on, and what the user is told meanwhile.

    log = StartLog(Path("logs/teacher-0.log"))
    log.read()    # StartNews(lines=41, latest="Loading safetensors checkpoint shards: 40% Completed | 2/5")

Only what was not said before counts: a worker that waits in vain repeats the same complaint every minute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from distilray.models.engines.root_cause import message_of, size_of

ENDS = re.compile(r"[\r\n]+")
MOST_BYTES = 1 << 20
"""Read at a time."""
LONGEST = 160


@dataclass(frozen=True, slots=True)
class StartNews:
    lines: int = 0
    """Different messages since the engine began to start."""
    latest: str = ""


class StartLog:
    """Reads what is written to ``log`` from now on."""

    def __init__(self, log: Path | None) -> None:
        self._log = log
        self._offset = size_of(log) if log is not None else 0
        self._rest = ""
        self._said: set[int] = set()
        self._latest = ""

    def read(self) -> StartNews:
        """All news so far."""
        while text := self._more():
            *lines, self._rest = ENDS.split(self._rest + text)
            for line in map(message_of, lines):
                if line and hash(line) not in self._said:
                    self._said.add(hash(line))
                    self._latest = line[:LONGEST]
        return StartNews(len(self._said), self._latest)

    def _more(self) -> str:
        try:
            if self._log is None or size_of(self._log) <= self._offset:
                return ""
            with self._log.open("rb") as file:
                file.seek(self._offset)
                found = file.read(MOST_BYTES)
        except OSError:  # deleted under the engine: it tells nothing any more
            return ""
        self._offset += len(found)
        return found.decode("utf-8", "replace")
