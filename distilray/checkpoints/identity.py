"""Where a checkpoint is and which weights it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

from distilray.errors import InputError
from distilray.storage import RemoteFolder, Store, everything, resolve

WEIGHTS_OF_ANY_KIND = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx")


class NotACheckpoint(InputError, ValueError):
    """A path does not lead to a checkpoint of the kind that is needed; the text says what is missing."""


def config_alone(name: str) -> bool:
    """Of a checkpoint's files, config.json."""
    return name == "config.json"


def all_but_weights(name: str) -> bool:
    """Of a checkpoint's files, those of its config and its tokenizer."""
    return not name.endswith(WEIGHTS_OF_ANY_KIND)


def resolve_path(path: str, wanted: Callable[[str], bool] = everything) -> str:
    """The local directory of ``path``, or ``path`` itself if it is a Hugging Face name.

    ``package://PACKAGE/DIR`` is a directory inside an installed package; the ``wanted`` files of a URI of a pyarrow
    filesystem are copied to this node, once. Resolve on the node that loads the weights.
    """
    if path.startswith("package://"):
        package, _, inside = path.removeprefix("package://").partition("/")
        try:
            root = files(package)
        except ModuleNotFoundError as error:
            raise NotACheckpoint(f"{path}: no installed package is named {package!r}") from error
        with as_file(root.joinpath(inside)) as local:
            return str(local)
    if is_remote(path):
        try:
            return str(RemoteFolder.at(path).fetch(wanted))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
    return str(Path(path).expanduser()) if is_local(path) else path


def _unreadable(path: str, error: Exception) -> NotACheckpoint:
    return NotACheckpoint(f"{path}: cannot be read ({error}); correct the address or credentials")


def is_remote(path: str) -> bool:
    """Whether ``path`` means a folder on another filesystem (``s3://...``)."""
    return "://" in path and not path.startswith("package://")


def is_local(path: str) -> bool:
    """Whether ``path`` means a directory here rather than a name on the Hugging Face hub (``owner/name``)."""
    if "://" in path:
        return True
    return path.startswith(("/", "./", "../", "~")) or Path(path).exists() or path.count("/") != 1


def anchored(path: str) -> str:
    """``path`` independent of the current directory, which worker processes do not share: a directory that exists is
    made absolute, anything else is left as it is."""
    if "://" in path or not is_local(path):
        return path
    folder = Path(path).expanduser()
    return str(folder.absolute()) if folder.exists() else path


def file_sizes(path: str) -> dict[str, int]:
    """Bytes of each file of the checkpoint at ``path`` by its name; empty where there is no such directory, and for a
    hub name. Nothing is copied."""
    here = is_remote(path) or Path(resolve_path(path)).is_dir()
    return {name: size for name, size, _ in _files(path)[1]} if here else {}


def checkpoint_id(path: str, revision: str | None) -> str:
    """Which weights these are: a hash of the contents of a directory, here or on another filesystem, else
    ``name@revision``."""
    return _content_id(*_files(path)) if is_local(path) else f"{path}@{revision or 'main'}"


def _files(path: str) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """Where the checkpoint at ``path`` is, and name, size and time of each of its files."""
    if is_remote(path):
        try:
            found = RemoteFolder.at(path).files
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return path, tuple((info.base_name, info.size, info.mtime_ns or 0) for info in found)
    root = Path(resolve_path(path))
    return str(root), tuple(
        (file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(root.iterdir()) if file.is_file()
    )


# Files up to this size are hashed whole, so that a copy of a checkpoint has the same id. Reading larger ones would take
# minutes: they are identified by their head, tail and size.
_WHOLE = 256 << 20
_END = 1 << 22


@lru_cache(maxsize=64)
def _content_id(root: str, listing: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    system, base = resolve(root)
    for name, size, _ in listing:
        digest.update(f"{name}\0{size}\0".encode())
        with system.open_input_file(f"{base}/{name}") as file:
            if size <= _WHOLE:
                while block := file.read(4 * _END):
                    digest.update(block)
            else:
                digest.update(file.read(_END))
                file.seek(size - _END)
                digest.update(file.read())
    return digest.hexdigest()


def checkpoint_address(store: Store, path: str) -> str:
    """The address of a run's checkpoint for engines and trainers: a directory, or a URI that they copy from."""
    if store.local:
        return store.full(path)
    root, mark, query = store.uri.partition("?")
    return f"{root.rstrip('/')}/{path}{mark}{query}"
