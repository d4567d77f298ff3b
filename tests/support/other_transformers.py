"""Environments with other versions of transformers, which share this one's torch; for tests that open a checkpoint as
others do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("greedy_tokens.py")
SHARED = ("torch", "torchgen", "functorch", "sympy", "mpmath", "networkx", "nvidia", "triton")
"""What torch consists of and needs: too large to install once more for each version."""
PINNED = {
    "4.37.2": ("transformers==4.37.2", "tokenizers>=0.14,<0.19", "huggingface-hub>=0.19.3,<1.0"),
    "4.51.3": ("transformers==4.51.3", "tokenizers>=0.21,<0.22", "huggingface-hub>=0.30,<1.0"),
}
FINDER = """
import sys
from importlib.machinery import PathFinder

class Shared:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [{shared!r}]) if name in {names!r} else None

sys.meta_path.append(Shared)
"""


def python_with(version: str, folder: Path) -> str:
    """The interpreter of a new environment in ``folder`` with this version of transformers. Skips the test where the
    packages cannot be installed."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = str(folder / "bin" / "python")
    wanted = [*PINNED[version], f"numpy=={_version_of('numpy')}", "safetensors", "jinja2"]
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--retries", "1", *wanted],
        capture_output=True,
        text=True,
        env=_own_packages(),
    )
    if installed.returncode:
        pytest.skip(f"transformers {version} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    shared = Path(sysconfig.get_path("purelib"))
    own = next((folder / "lib").glob("python*/site-packages"))
    (own / "shared_torch.py").write_text(FINDER.format(shared=str(shared), names=SHARED))
    (own / "shared_torch.pth").write_text("import shared_torch\n")
    for metadata in shared.glob("torch-*.dist-info"):
        (own / metadata.name).symlink_to(metadata)
    return python


def greedy_tokens(python: str, checkpoint: str, conversations: list[Any]) -> dict[str, Any]:
    """What ``greedy_tokens.py`` prints in the environment of ``python``."""
    command = [python, "-I", str(SCRIPT), checkpoint, json.dumps(conversations)]
    done = subprocess.run(command, capture_output=True, text=True, env=_own_packages(), timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def _own_packages() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}


def _version_of(package: str) -> str:
    from importlib.metadata import version

    return version(package)
