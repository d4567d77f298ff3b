"""What determines the rows of sources, so that a run reads them again only when they have changed.

Local files count by their names below the source's folder and by what is in them, not by where the folder is: a run
and its data may move to another directory, or to a machine that mounts them elsewhere, and go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pyarrow import fs

from distilray.sources import Source, SourceFile

ENDS = 1 << 16
"""Bytes that are read at the beginning and at the end of a local file; shorter ones are read whole."""


def sources_identity(sources: Sequence[Source], files: Sequence[Sequence[SourceFile]]) -> list[object]:
    """The settings of ``sources`` and the names, sizes and contents of their ``files``, as JSON."""
    return [
        [_settings(source), [_file(file) for file in listed]] for source, listed in zip(sources, files, strict=True)
    ]


def file_identity(source: Source, file: SourceFile) -> list[object]:
    """What determines the rows of one file of ``source``, wherever a limit ends them: neither other files nor the
    pattern that finds them all."""
    settings = _settings(source)
    if settings["path"] not in (None, "local"):
        settings["path"] = file.path
    del settings["limit"]
    return [settings, _file(file)]


def _settings(source: Source) -> dict[str, Any]:
    # What a preset says is in the settings that it fills.
    settings = source.model_dump(by_alias=True, exclude={"lost_share", "preset"})
    here = source.path is not None and "://" not in source.path
    return {**settings, "path": "local"} if here else settings


def _file(file: SourceFile) -> list[object]:
    known: list[object] = [file.name, file.size]
    return [*known, _content(file)] if isinstance(file.filesystem, fs.LocalFileSystem) else known


def _content(file: SourceFile) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(file.path, "rb") as opened:
        digest.update(opened.read(ENDS))
        opened.seek(max(ENDS, file.size - ENDS))
        digest.update(opened.read(ENDS))
    return digest.hexdigest()
