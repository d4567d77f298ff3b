"""docs/defects.md maps every known defect of the public toolkit to tests that exist."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "defects.md").read_text("utf-8")
ROWS = [line.replace("\\|", "/").split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")][1:]
TESTS = [
    (defect.strip(), path, name) for defect, _, tests in ROWS for path, name in re.findall(r"`(\S+?)::(\w+)`", tests)
]


def test_every_defect_has_a_test() -> None:
    assert len(ROWS) == 11
    assert {defect for defect, _, _ in TESTS} == {row[0].strip() for row in ROWS}


@pytest.mark.parametrize(("path", "name"), sorted({(path, name) for _, path, name in TESTS}))
def test_the_test_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
