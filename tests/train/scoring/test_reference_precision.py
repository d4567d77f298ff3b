"""Engines that hold a student's weights in another precision than its adapters are trained over are warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.progress import WARNINGS, keep_warning
from distilray.train.scoring.reference_engines import precision_warnings
from tests.support.pairs import settings
from tests.support.specs import spec_of


def warned(folder: Path, student: str, dtype: Any, **changes: Any) -> list[str]:
    chosen = settings(reference_by="engines", **{"lora": {"r": 4}, "precision": "bf16", **changes})
    models = {"tiny": VLLMModel(path=student, dtype=dtype)}
    return precision_warnings(spec_of(Store(folder), chosen, student, models=models))


def test_another_precision_is_warned_of_with_the_remedy(student: str, tmp_path: Path) -> None:
    (said,) = warned(tmp_path, student, "float32")
    assert "are in bfloat16" in said and "set dtype: bfloat16, or reference_by: workers" in said
    (said,) = warned(tmp_path, student, "auto", precision="fp32")
    assert "hold the weights in bfloat16" in said


@pytest.mark.parametrize(
    ("dtype", "changes"),
    [("bfloat16", {}), ("auto", {}), ("float32", {"precision": "fp32"}), ("float32", {"lora": None})],
)
def test_the_same_precision_is_not(student: str, tmp_path: Path, dtype: str, changes: dict[str, Any]) -> None:
    assert warned(tmp_path, student, dtype, **changes) == []


def test_a_reference_of_its_own_keeps_its_own_precision(student: str, tmp_path: Path) -> None:
    assert warned(tmp_path, student, "float32", reference="teacher") == []


def test_a_warning_is_kept_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [keep_warning(store, "t", text) for text in ("a", "b", "a")] == [True, True, False]
    assert store.read_json(f"t/{WARNINGS}") == ["a", "b"]
