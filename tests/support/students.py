"""The student that tests of trainings and exports share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoints import make_student


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a tiny random Qwen2 with its tokenizer."""
    return make_student(Path(tmp_path_factory.mktemp("student")))
