"""Where a model's weights are, whether they are a checkpoint, and which weights they are."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

from distilray.errors import InputError
from distilray.storage import download

_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


class NotACheckpoint(InputError, ValueError):
    """A model's path does not lead to something an engine can load; the text says what is missing there."""


def resolve_path(path: str) -> str:
    """The local directory of ``path``, or ``path`` itself where it is a Hugging Face name.

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


def check_checkpoint(path: str, *, chat: bool = True) -> None:
    """Raise :class:`NotACheckpoint` unless the local ``path`` has configuration, weights, tokenizer and (``chat``) a
    chat template. A Hugging Face name is not looked up: only the engine's node knows what it can reach."""
    if not is_local(path):
        return
    root = Path(resolve_path(path))
    if not root.is_dir():
        raise NotACheckpoint(
            f"{path}: there is no such directory; give a checkpoint's directory or a hub name owner/name"
        )
    if not (root / "config.json").is_file():
        raise NotACheckpoint(f"{path}: no config.json, so this is not a Hugging Face checkpoint")
    try:
        config = json.loads((root / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise NotACheckpoint(f"{path}: config.json is not JSON ({error})") from error
    if "architectures" not in config and "model_type" not in config:
        raise NotACheckpoint(f"{path}: config.json names neither architectures nor model_type")
    if not any(file.stat().st_size for pattern in _WEIGHTS for file in root.glob(pattern)):
        raise NotACheckpoint(f"{path}: no weights ({', '.join(_WEIGHTS)})")
    if missing := _missing_shards(root):
        raise NotACheckpoint(f"{path}: the index names weights that are not there: {', '.join(missing[:3])}")
    if not any((root / name).is_file() for name in _TOKENIZERS):
        raise NotACheckpoint(f"{path}: no tokenizer ({' or '.join(_TOKENIZERS)})")
    if chat and not _has_chat_template(root):
        raise NotACheckpoint(
            f"{path}: the tokenizer has no chat template; save one with it (chat_template.jinja) or use an "
            "instruction-tuned checkpoint"
        )


def _missing_shards(root: Path) -> list[str]:
    index = root / "model.safetensors.index.json"
    if not index.is_file():
        return []
    shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return sorted(shard for shard in shards if not (root / shard).is_file())


def _has_chat_template(root: Path) -> bool:
    if any((root / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    if (root / "chat_templates").is_dir():
        return True
    settings = root / "tokenizer_config.json"
    return settings.is_file() and bool(json.loads(settings.read_text("utf-8")).get("chat_template"))


def checkpoint_id(path: str, revision: str | None) -> str:
    """Which weights these are: of a local directory a hash of its contents, else ``name@revision``."""
    if not is_local(path):
        return f"{path}@{revision or 'main'}"
    root = Path(resolve_path(path))
    listing = tuple(
        (file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(root.iterdir()) if file.is_file()
    )
    return _content_id(str(root), listing)


# Up to this size weights are hashed whole, so that a copy of a checkpoint is the same checkpoint; bigger ones (minutes
# of reading) are known by their head, tail and size.
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
