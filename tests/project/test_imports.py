"""How modules reach one another: no circles, front doors that are true, and imports inside functions only for weight.

Who may import whom is in test_packages.py and in pyproject.toml.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.source_tree import SourceTree

IN_FUNCTIONS = {
    "distilray.cli.evaluate": {
        "distilray.driver.models_evaluated": "ray",
        "distilray.evaluate.harness.tasks": "ray",
    },
    "distilray.cli.plan": {
        "distilray.driver.pilots": "ray",
        "distilray.driver.runs": "ray",
        "distilray.runner.connection": "ray",
    },
    "distilray.cli.run": {"distilray.api.running": "ray"},
    "distilray.cli.try_": {"distilray.driver.previews": "ray"},
    "distilray.driver.outputs": {"distilray.driver.sharded_export": "ray"},
    "distilray.serve.inference.command": {"distilray.serve.inference.app": "ray"},
    "distilray.train.launch.entry": {"distilray.train.loop.worker": "torch"},
    "distilray.train.launch.launcher": {"distilray.train.distributed.elastic": "ray"},
    "distilray.train.methods.classify.method": {"distilray.train.methods.classify.trainer": "torch"},
    "distilray.train.methods.distill.method": {
        "distilray.train.methods.distill.divergence": "torch",
        "distilray.train.methods.distill.head": "torch",
        "distilray.train.methods.distill.live": "torch",
        "distilray.train.methods.distill.live_check": "torch",
        "distilray.train.methods.distill.rounds": "ray",
        "distilray.train.methods.distill.stored": "torch",
        "distilray.train.methods.distill.trainer": "torch",
        "distilray.train.scoring.teacher_engines": "ray",
    },
    "distilray.train.methods.dpo.method": {
        "distilray.train.methods.dpo.advice": "torch",
        "distilray.train.methods.dpo.collate": "torch",
        "distilray.train.methods.dpo.reference": "torch",
        "distilray.train.methods.dpo.reference_scores": "torch",
        "distilray.train.methods.dpo.trainer": "torch",
        "distilray.train.scoring.reference_engines": "ray",
    },
    "distilray.train.methods.kto.method": {
        "distilray.train.methods.dpo.reference": "torch",
        "distilray.train.methods.kto.partners": "torch",
        "distilray.train.methods.kto.trainer": "torch",
    },
    "distilray.train.methods.shared.method": {"distilray.train.methods.shared.trainer": "torch"},
    "distilray.train.methods.simpo.method": {
        "distilray.train.methods.dpo.collate": "torch",
        "distilray.train.methods.simpo.trainer": "torch",
    },
    "distilray.train.methods.step_by_step.method": {"distilray.train.methods.step_by_step.trainer": "torch"},
}
"""Every import of our own modules inside a function: importer, imported, and the heavy package that it defers."""
WEIGHTS = {"torch": {"torch", "transformers", "trl", "peft", "accelerate"}, "ray": {"ray"}, "vllm": {"vllm"}}
"""A heavy package, and whose import brings it in."""


@pytest.fixture(scope="module")
def tree() -> SourceTree:
    return SourceTree(ROOT / "distilray")


def in_functions(tree: SourceTree) -> dict[tuple[str, str], str]:
    """(importer, imported) to the place of the first such import."""
    found: dict[tuple[str, str], str] = {}
    for importer, imports in tree.imports.items():
        for imported in imports:
            if imported.when == "in function" and imported.target:
                found.setdefault((importer, imported.target), f"{tree.files[importer]}:{imported.line}")
    return found


def reasons() -> dict[tuple[str, str], str]:
    return {(importer, imported): why for importer, found in IN_FUNCTIONS.items() for imported, why in found.items()}


def test_an_import_inside_a_function_has_a_reason(tree: SourceTree) -> None:
    unexplained = [f"{place}: {pair[1]}" for pair, place in in_functions(tree).items() if pair not in reasons()]
    assert not unexplained, "\n".join(["import at the top, or name the weight in IN_FUNCTIONS:", *unexplained])


def test_no_reason_is_left_over(tree: SourceTree) -> None:
    assert sorted(reasons().keys() - in_functions(tree).keys()) == []


def test_the_reasons_are_true(tree: SourceTree) -> None:
    """The imported module loads the heavy package, and the importer has not loaded it anyway."""
    wrong = [
        f"{importer} -> {imported}: {weight}"
        for (importer, imported), weight in reasons().items()
        if not tree.loads(imported) & WEIGHTS[weight] or tree.loads(importer) & WEIGHTS[weight]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_one_another_in_a_circle(tree: SourceTree) -> None:
    assert not tree.circles(), "\n".join(" <-> ".join(circle) for circle in tree.circles())


def test_no_export_is_hidden_by_a_submodule_of_its_name(tree: SourceTree) -> None:
    """Importing the submodule would put the module where the front door promises the name."""
    hidden = [
        f"{door}.{name}" for door, names in tree.doors.items() for name in names if f"{door}.{name}" in tree.files
    ]
    assert not hidden, "\n".join(hidden)


def test_every_export_exists_where_the_front_door_says(tree: SourceTree) -> None:
    wrong = []
    for door, names in tree.doors.items():
        for name, place in names.items():
            module, _, original = place.partition(":")
            if module not in tree.files or original not in tree.defined(module) | tree.doors.get(module, {}).keys():
                wrong.append(f"{door}.{name} -> {place}")
    assert not wrong, "\n".join(wrong)


def test_a_package_is_a_docstring_and_a_front_door(tree: SourceTree) -> None:
    wrong = []
    for package in sorted(tree.packages):
        body = tree.trees[package].body
        lines = [ast.unparse(node) for node in body[1:]]
        loader = ["import lazy_loader", "__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)"]
        allowed = [[], loader] if package.count(".") > 1 else [loader]
        if package == tree.name:
            lines = [line for line in lines if not line.startswith("__version__ =")]
        if ast.get_docstring(tree.trees[package]) is None or lines not in allowed:
            wrong.append(f"{tree.files[package]}: {lines}")
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def sample(tmp_path: Path) -> SourceTree:
    """A package with a front door, a circle, a hidden export and an import in a function."""
    files = {
        "__init__.pyi": "from .a import f as f\nfrom .c import b as b\n",
        "a.py": "import torch\nfrom ours.c import b\ndef f(): ...\n",
        "b.py": "def g():\n    from ours import f\n",
        "c.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ray\nfrom ours.b import g\nb = g\n",
        "d.py": "import ours\nfrom ours import f\n",
    }
    for name, text in {"__init__.py": "", **files}.items():
        path = tmp_path / "ours" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return SourceTree(tmp_path / "ours")


def test_what_is_looked_for_is_found_where_it_is(sample: SourceTree) -> None:
    assert in_functions(sample).keys() == {("ours.b", "ours.a")}
    assert sample.circles() == [["ours.a", "ours.b", "ours.c"]]
    assert sample.loads("ours.d") == {"torch", "typing"}
    assert sample.definition("ours", "f") == "ours.a"
    assert "f" in sample.defined("ours.a") and "f" not in sample.defined("ours.c")
