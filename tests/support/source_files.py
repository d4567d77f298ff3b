"""Files for tests of sources: written, and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilray.sources import Malformed, Source, list_files, read_records


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def found(path: Path, **settings: Any) -> list[tuple[int, Any]]:
    """Positions and records of the source at ``path``."""
    source = Source(name="s", path=str(path), **settings)
    return [item for file in list_files(source) for item in read_records(source, file)]


def records(path: Path, **settings: Any) -> list[Any]:
    return [record for _, record in found(path, **settings)]


def whys(path: Path, **settings: Any) -> list[str | None]:
    """Why each record is malformed, None for a good one."""
    return [record.why if isinstance(record, Malformed) else None for record in records(path, **settings)]
