"""Who may import whom. The contracts themselves stand in pyproject.toml under [tool.importlinter]."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with `root` as the project."""
    return subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=root, capture_output=True, text=True)


@pytest.fixture
def little_house(tmp_path: Path) -> Path:
    """A project with a few empty rooms and our contracts."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for room in ["", "rows", "ledger", "prompts", "verifiers", "models", "steps", "evaluate", "recipe", "report"]:
        folder = tmp_path / "distilray" / room
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text("")
    return tmp_path


def test_every_room_imports_only_from_rooms_below_it() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_rooms_that_do_not_exist_yet_are_no_error(little_house: Path) -> None:
    assert lint(little_house).returncode == 0


def test_an_import_from_a_room_above_is_found(little_house: Path) -> None:
    (little_house / "distilray" / "rows" / "__init__.py").write_text("import distilray.steps\n")
    result = lint(little_house)
    assert result.returncode == 1
    assert "distilray.rows is not allowed to import distilray.steps" in result.stdout


def test_a_step_that_imports_ray_is_found(little_house: Path) -> None:
    (little_house / "distilray" / "steps" / "rate.py").write_text("def rate():\n    import ray\n")
    result = lint(little_house)
    assert result.returncode == 1
    assert "distilray.steps.rate -> ray" in result.stdout


def test_a_new_room_must_be_given_its_place(little_house: Path) -> None:
    (little_house / "distilray" / "attic.py").write_text("")
    assert lint(little_house).returncode == 1
