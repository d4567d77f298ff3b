"""The layers inside train stand in pyproject.toml; here the linter is shown to bite."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("data/order.py", "distilray.train.loop.metrics"),
        ("loop/metrics.py", "distilray.train.methods.registry"),
        ("methods/dpo/settings.py", "distilray.train.methods.sft.settings"),
    ],
)
def test_an_import_from_a_layer_above_or_a_sibling_method_is_found(tmp_path: Path, module: str, imported: str) -> None:
    for part in ("distilray/train", "scripts"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "distilray" / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "distilray" / "train" / module).open("a") as file:
        file.write(f"\nimport {imported}\n")
    command = [LINT_IMPORTS, "--no-cache", "--contract", "train-layers"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    name = f"distilray.train.{module.removesuffix('.py').replace('/', '.')}"
    assert done.returncode == 1
    assert f"{name} -> {imported}" in done.stdout
