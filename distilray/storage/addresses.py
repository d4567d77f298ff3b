"""Resolves a path or URI to a pyarrow filesystem and a path on it.

    resolve("runs/first")            # the local disk, "/home/me/runs/first"
    resolve("s3://bucket/runs/first?region=eu-west-1")  # S3, "bucket/runs/first"
    resolve("fsspec+oss://bucket/runs/first")  # whatever fsspec has an installed package for

S3 credentials and endpoints come from the URI's query or from the ``AWS_*`` environment of the process.
"""

from __future__ import annotations

import os
import re

import pyarrow.fs as pafs

FSSPEC = "fsspec+"
"""Before the scheme of a filesystem that pyarrow does not know and fsspec does."""
VIRTUAL = "force_virtual_addressing=true"
"""In the query of an S3 URI: the bucket is part of the host's name, as Alibaba Cloud OSS demands it."""
_PASSWORDS = re.compile(r"(?<=[?&])([^=&\s]*(?:key|secret|token|password|signature|sig)[^=&\s]*)=[^&\s]*", re.I)


def resolve(address: str | os.PathLike[str]) -> tuple[pafs.FileSystem, str]:
    """The filesystem and the path on it; a local path may be relative or begin with ``~``.

    Raises :class:`ValueError` or a pyarrow exception if no filesystem supports the URI.
    """
    text = absolute(address)
    if "://" not in text:
        return pafs.LocalFileSystem(), text
    if text.startswith(FSSPEC):
        return _of_fsspec(text.removeprefix(FSSPEC))
    if VIRTUAL in text:
        return _of_virtual_hosts(_one_request(re.sub(rf"{VIRTUAL}&?", "", text).rstrip("?&")))
    return pafs.FileSystem.from_uri(_one_request(text))


def absolute(address: str | os.PathLike[str]) -> str:
    """The address independent of the current directory: a URI unchanged, a local path made absolute."""
    text = os.fspath(address)
    return text if "://" in text else os.path.abspath(os.path.expanduser(text))


def without_keys(text: str) -> str:
    """``text`` without the credentials of the URIs in it, for messages: those before an ``@`` (with Azure, where the
    container stands there, what follows its colon) and values of the query that are named like one."""
    text = re.sub(r"(abfss?://[^/@:]*):[^/@]*@", r"\1:***@", text)
    text = re.sub(r"(?<!abfs)(?<!abfss)://[^/@]*@", "://***@", text)
    return _PASSWORDS.sub(r"\1=***", text)


def _of_fsspec(uri: str) -> tuple[pafs.FileSystem, str]:
    """A filesystem of fsspec that asks for every listing: what other processes write is seen."""
    import fsspec  # only where an address asks for it

    try:
        system, path = fsspec.url_to_fs(uri, use_listings_cache=False)
    except ImportError as error:
        raise ValueError(f"{error}; it has to be installed on every node") from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), path.rstrip("/")


def _of_virtual_hosts(uri: str) -> tuple[pafs.FileSystem, str]:
    """An S3 filesystem with the one setting that pyarrow reads from no URI."""
    system, path = pafs.FileSystem.from_uri(uri)
    rebuild, (settings,) = system.__reduce__()
    return rebuild({**settings, "force_virtual_addressing": True}), path


def _one_request(uri: str) -> str:
    """An S3 URI whose small files cost one request each, instead of the three of a multipart upload."""
    if not uri.startswith("s3://") or "allow_delayed_open" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}allow_delayed_open=true"
