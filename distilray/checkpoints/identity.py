"""Where a checkpoint is and which weights it holds."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

from distilray.errors import InputError
from distilray.storage import Store, download


class NotACheckpoint(InputError, ValueError):
    """A path does not lead to a checkpoint of the kind that is needed; the text says what is missing."""


def resolve_path(path: str) -> str:
    """The local directory of ``path``, or ``path`` itself if it is a Hugging Face name.

    ``package://PACKAGE/DIR`` is a directory inside an installed package; a URI of a pyarrow filesystem is copied to
    this node. Resolve on the node that loads the weights.
    """
    if path.startswith("package://"):
        package, _, inside = path.removeprefix("package://").partition("/")
        try:
            root = files(package)
        except ModuleNotFoundError as error:
            raise NotACheckpoint(f"{path}: no installed package is named {package!r}") from error
        with as_file(root.joinpath(inside)) as local:
            return str(local)
    if "://" in path:
        try:
            return download(path)
        except (OSError, ValueError) as error:
            raise NotACheckpoint(f"{path}: cannot be read ({error}); correct the address or credentials") from error
    return str(Path(path).expanduser()) if is_local(path) else path


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


def checkpoint_id(path: str, revision: str | None) -> str:
    """Which weights these are: a hash of the contents of a local directory, else ``name@revision``."""
    if not is_local(path):
        return f"{path}@{revision or 'main'}"
    root = Path(resolve_path(path))
    listing = tuple(
        (file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(root.iterdir()) if file.is_file()
    )
    return _content_id(str(root), listing)


# Files up to this size are hashed whole, so that a copy of a checkpoint has the same id. Reading larger ones would take
# minutes: they are identified by their head, tail and size.
_WHOLE = 256 << 20


@lru_cache(maxsize=64)
def _content_id(root: str, listing: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, size, _ in listing:
        digest.update(f"{name}\0{size}\0".encode())
        with open(Path(root) / name, "rb") as file:
            if size <= _WHOLE:
                while block := file.read(1 << 22):
                    digest.update(block)
            else:
                digest.update(file.read(1 << 22))
                file.seek(-(1 << 22), 2)
                digest.update(file.read())
    return digest.hexdigest()


def checkpoint_address(store: Store, path: str) -> str:
    """The address of a run's checkpoint for engines and trainers: a directory, or a URI that they copy from."""
    if store.local:
        return store.full(path)
    root, mark, query = store.uri.partition("?")
    return f"{root.rstrip('/')}/{path}{mark}{query}"
