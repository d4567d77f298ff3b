"""Where the measuring data lies, for the slow tests that need it."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("DISTILRAY_SHARED", Path(__file__).parents[2].parent / "shared"))


def rows(name: str) -> list[dict[str, Any]]:
    """The JSON lines of shared/data/`name`; skips the test where they are absent."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"needs {name} below {SHARED / 'data'} (set DISTILRAY_SHARED)")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines() if line.strip()]
