"""Who may import whom. The contracts themselves stand in pyproject.toml under [tool.importlinter]."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
PROJECT = (ROOT / "pyproject.toml").read_text()
LAYERS = next(c for c in tomllib.loads(PROJECT)["tool"]["importlinter"]["contracts"] if c["id"] == "packages")["layers"]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with `root` as the project."""
    return subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=root, capture_output=True, text=True)


@pytest.fixture
def sample_package(tmp_path: Path) -> Path:
    """A project with all packages, empty, and our contracts."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ["", *(layer.strip("()") for layer in LAYERS)]:
        folder = tmp_path / "distilray" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text("")
    for contract in tomllib.loads(PROJECT)["tool"]["importlinter"]["contracts"]:
        for door in contract.get("side_doors", []):
            path = tmp_path / f"{door.replace('.', '/')}.py"
            for folder in [*reversed(path.relative_to(tmp_path).parents)][1:]:
                (tmp_path / folder).mkdir(exist_ok=True)
                (tmp_path / folder / "__init__.py").touch()
            path.write_text("")
    return tmp_path


def test_packages_import_downwards_and_through_front_doors() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_empty_packages_are_no_error(sample_package: Path) -> None:
    result = lint(sample_package)
    assert result.returncode == 0, result.stdout


def test_an_import_from_a_package_above_is_found(sample_package: Path) -> None:
    (sample_package / "distilray" / "rows" / "__init__.py").write_text("import distilray.steps\n")
    result = lint(sample_package)
    assert result.returncode == 1
    assert "distilray.rows is not allowed to import distilray.steps" in result.stdout


def test_a_step_that_imports_ray_is_found(sample_package: Path) -> None:
    (sample_package / "distilray" / "steps" / "rate.py").write_text("def rate():\n    import ray\n")
    result = lint(sample_package)
    assert result.returncode == 1
    assert "distilray.steps.rate -> ray" in result.stdout


def test_an_import_past_a_front_door_is_found(sample_package: Path) -> None:
    (sample_package / "distilray" / "rows" / "row.py").write_text("")
    (sample_package / "distilray" / "steps" / "rate.py").write_text("import distilray.rows.row\n")
    result = lint(sample_package)
    assert result.returncode == 1
    assert "distilray.steps.rate reaches past the front door of distilray.rows" in result.stdout + result.stderr


def test_a_new_package_must_be_given_its_place(sample_package: Path) -> None:
    (sample_package / "distilray" / "attic.py").write_text("")
    assert lint(sample_package).returncode == 1
