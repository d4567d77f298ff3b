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
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as handle:
        return [json.loads(line) for line in handle if line.strip()]
