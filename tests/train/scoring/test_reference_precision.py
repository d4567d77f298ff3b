"""Engines that hold a student's weights in another precision than its adapters are trained over are warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.progress import WARNINGS, keep_warning
from distilray.train.scoring.reference_engines import precision_warning
from tests.support.pairs import settings
from tests.support.specs import spec_of


def warning(folder: Path, student: str, dtype: Any, **changes: Any) -> str | None:
    chosen = settings(reference_by="engines", **{"lora": {"r": 4}, "precision": "bf16", **changes})
    models = {"tiny": VLLMModel(path=student, dtype=dtype)}
    return precision_warning(spec_of(Store(folder), chosen, student, models=models))


def test_another_precision_is_warned_of_with_the_remedy(student: str, tmp_path: Path) -> None:
    said = warning(tmp_path, student, "float32")
    assert said is not None and "are in bfloat16" in said and "set dtype: bfloat16, or reference_by: workers" in said
    assert "hold the weights in bfloat16" in (warning(tmp_path, student, "auto", precision="fp32") or "")


@pytest.mark.parametrize(
    ("dtype", "changes"),
    [("bfloat16", {}), ("auto", {}), ("float32", {"precision": "fp32"}), ("float32", {"lora": None})],
)
def test_the_same_precision_is_not(student: str, tmp_path: Path, dtype: str, changes: dict[str, Any]) -> None:
    assert warning(tmp_path, student, dtype, **changes) is None


def test_a_reference_of_its_own_keeps_its_own_precision(student: str, tmp_path: Path) -> None:
    assert warning(tmp_path, student, "float32", reference="teacher") is None


def test_a_warning_is_kept_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [keep_warning(store, "t", text) for text in ("a", "b", "a")] == [True, True, False]
    assert store.read_json(f"t/{WARNINGS}") == ["a", "b"]
