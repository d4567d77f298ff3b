"""The files of a source, on any filesystem that pyarrow knows."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import fs

from distilray.sources.settings import Source, SourceError, fault
from distilray.storage import resolve

TEXT_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
NOT_READ = {
    ".csv": "in pandas: read_csv(...).to_json(..., orient='records', lines=True)",
    ".tsv": "in pandas: read_csv(..., sep='\\t').to_json(..., orient='records', lines=True)",
    ".xlsx": "in pandas: read_excel(...).to_json(..., orient='records', lines=True)",
    ".pkl": "in pandas: read_pickle(...).to_json(..., orient='records', lines=True)",
    ".zip": "unpack it",
    ".tar": "unpack it",
    ".7z": "unpack it",
}
"""Endings of files whose format is not read, and how to make one that is."""
COMPRESSIONS = (".gz", ".bz2", ".zst", ".lz4")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    ``name`` is its path below the source's folder and part of its rows' ids; ``path`` is its path on
    ``filesystem``; ``size`` is in bytes. A source that ``uses`` a function is one such file without a
    filesystem.
    """

    name: str
    path: str
    size: int
    format: str
    filesystem: fs.FileSystem | None = None

    @property
    def may_be_empty(self) -> bool:
        """Whether no bytes at all are a file of its format: JSON lines that are not compressed."""
        return self.format == "jsonl" and not self.name.endswith(COMPRESSIONS)


def list_files(source: Source, filesystem: fs.FileSystem | None = None) -> list[SourceFile]:
    """The files of ``source`` in a stable order (by name; those of a HF dataset in the dataset's order).

    With ``filesystem``, ``source.path`` is a path on it, not a local path or URI.

    Raises:
        SourceError: the place does not exist, nothing matches, nothing can be read, or everything is empty.
    """
    if source.uses is not None:
        return [SourceFile(source.uses.partition(":")[2], source.uses, 0, "function")]
    place = f"source {source.name!r}, path {source.path}"
    try:
        system, path = (filesystem, str(source.path)) if filesystem else resolve(str(source.path))
        files = list(_files(source, system, path.rstrip("/"), place))
    except OSError as error:
        raise fault(place, error) from error
    except pa.ArrowException as error:
        remedy = "Name a path, or a URI that begins with file://, s3://, gs:// or hdfs://"
        raise SourceError(place, f"cannot be listed ({error})", remedy) from error
    if not any(file.size for file in files):
        raise SourceError(place, "is empty", "Name files that hold at least one record")
    return files


def files_to_read(source: Source) -> list[SourceFile]:
    """The files of ``source`` without those that hold nothing. An empty file of a format that has none is read, and
    found to be incomplete then."""
    return [file for file in list_files(source) if file.size or not file.may_be_empty]


def _files(source: Source, system: fs.FileSystem, path: str, place: str) -> Iterator[SourceFile]:
    info = system.get_file_info(path)
    if info.type == fs.FileType.File:
        _refuse_not_read(source, info.base_name, place)
        yield _file(source, system, info, info.base_name)
    elif info.type == fs.FileType.Directory:
        if _holds(system, path, "dataset_dict.json") or _holds(system, path, "state.json"):
            yield from _dataset_files(source, system, path, place)
        else:
            yield from _folder_files(source, system, path, place)
    elif any(mark in path for mark in "*?["):
        yield from _glob_files(source, system, path, place)
    else:
        raise SourceError(place, "does not exist", "Correct the path, or copy the file there on every node")


def _refuse_not_read(source: Source, name: str, place: str) -> None:
    ending = _ending(name)
    if source.format == "auto" and ending in NOT_READ:
        raise SourceError(
            place, f"is a {ending} file, which is not read", f"Give JSON lines or Parquet; {NOT_READ[ending]}"
        )


def _folder_files(source: Source, system: fs.FileSystem, path: str, place: str) -> Iterator[SourceFile]:
    inside = _below(system, path)
    found = {name: info for name, info in inside.items() if _by_ending(name) and not _hidden(name)}
    if not found:
        names = ", ".join(list(inside)[:5]) or "nothing"
        raise SourceError(
            place,
            f"holds no readable file (it holds {names})",
            "Readable are .jsonl, .json and .parquet files and folders written by save_to_disk; for other "
            "extensions name the files with a glob and set `format`",
        )
    for name, info in found.items():
        yield _file(source, system, info, name)


def _glob_files(source: Source, system: fs.FileSystem, pattern: str, place: str) -> Iterator[SourceFile]:
    parts = pattern.split("/")
    fixed = next(k for k, part in enumerate(parts) if any(mark in part for mark in "*?["))
    base = "/".join(parts[:fixed]) or "/"
    matches = re.compile(_glob_expression("/".join(parts[fixed:]))).fullmatch
    found = {name: info for name, info in _below(system, base).items() if matches(name)}
    if not found:
        raise SourceError(place, "matches no file", f"Correct the pattern, or put files below {base}")
    for name, info in found.items():
        yield _file(source, system, info, name)


def _dataset_files(source: Source, system: fs.FileSystem, path: str, place: str) -> Iterator[SourceFile]:
    """Arrow files of a dataset written by ``datasets``' ``save_to_disk``, in the order of its rows."""
    splits = [""]
    if _holds(system, path, "dataset_dict.json"):
        names = _read_json(system, f"{path}/dataset_dict.json", "splits", place)
        if source.split not in names and (source.split or len(names) != 1):
            raise SourceError(place, f"has the splits {', '.join(names)}", "Name one of them as `split`")
        splits = [source.split or names[0]]
    for split in splits:
        folder = posixpath.join(path, split) if split else path
        for entry in _read_json(system, f"{folder}/state.json", "_data_files", place):
            info = system.get_file_info(f"{folder}/{entry['filename']}")
            if info.type != fs.FileType.File:
                raise SourceError(place, f"lacks {entry['filename']}", "Copy the dataset's complete folder")
            yield _file(source, system, info, posixpath.join(split, entry["filename"]), "hf")


def _file(source: Source, system: fs.FileSystem, info: fs.FileInfo, name: str, kind: str = "") -> SourceFile:
    return SourceFile(name, info.path, info.size, kind or _format_of(name, source), system)


def _format_of(name: str, source: Source) -> str:
    return source.format if source.format != "auto" else _by_ending(name) or "jsonl"


def _by_ending(name: str) -> str | None:
    return {**TEXT_ENDINGS, ".parquet": "parquet", ".arrow": "hf"}.get(_ending(name))


def _ending(name: str) -> str:
    """Without that of a compression."""
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    return posixpath.splitext(name)[1].lower()


def _below(system: fs.FileSystem, folder: str) -> dict[str, fs.FileInfo]:
    """Every file below ``folder``, by its path relative to it, sorted."""
    selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
    prefix = folder.rstrip("/") + "/"
    infos = [info for info in system.get_file_info(selector) if info.type == fs.FileType.File]
    return {info.path.removeprefix(prefix): info for info in sorted(infos, key=lambda info: info.path)}


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _holds(system: fs.FileSystem, folder: str, name: str) -> bool:
    return system.get_file_info(f"{folder}/{name}").type == fs.FileType.File


def _read_json(system: fs.FileSystem, path: str, key: str, place: str) -> Any:
    try:
        with system.open_input_stream(path) as stream:
            return json.loads(stream.read())[key]
    except (ValueError, KeyError, TypeError) as error:
        name = posixpath.basename(path)
        raise SourceError(place, f"has a {name} without {key}", "Copy the dataset's complete folder again") from error


def _glob_expression(pattern: str) -> str:
    """``**`` spans folders, ``*`` and ``?`` stay within one, ``[...]`` is a class of characters."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}

    def expression(piece: str) -> str:
        if piece.startswith("[") and piece.endswith("]"):
            return "[^" + piece[2:] if piece.startswith("[!") else piece
        return known.get(piece) or re.escape(piece)

    return "".join(expression(piece) for piece in pieces if piece)
