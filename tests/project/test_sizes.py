"""Files, functions and copies stay small: one idea in a file, one screen a function, one place for a thought."""

from __future__ import annotations

import ast
import statistics
from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from tests.support.paths import ROOT

FILE_LINES, MEDIAN_LINES, FUNCTION_LINES, EQUAL_LINES = 400, 110, 60, 10
SOURCES = sorted((ROOT / "distilray").rglob("*.py"))


def lines_of(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_long_and_most_are_short() -> None:
    sizes = {shown(path): len(lines_of(path)) for path in SOURCES}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES} == {}
    assert statistics.median(size for name, size in sizes.items() if not name.endswith("__init__.py")) < MEDIAN_LINES


def test_no_function_is_longer_than_a_screen() -> None:
    found = {
        f"{shown(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert {name: size for name, size in found.items() if size > FUNCTION_LINES} == {}


def test_no_ten_lines_stand_twice() -> None:
    copies = list(equal_places({shown(path): list(code_lines(path.read_text("utf-8"))) for path in SOURCES}))
    assert not copies, "\n".join(copies)


def test_a_copy_is_found_wherever_it_stands_and_however_it_is_indented() -> None:
    block = [f"a{k} = {k}" for k in range(EQUAL_LINES)]
    first = list(enumerate(["import os", *block], 1))
    other = list(enumerate(["def f():", *block, "", "return a0"], 1))
    assert list(equal_places({"one.py": first, "two.py": other})) == ["one.py:2 and two.py:2: 10 lines from 'a0 = 0'"]
    assert not list(equal_places({"one.py": first[:-1], "two.py": other}))
    text = "import os\nfrom a import (\n    b,\n)\n\nif True:\n    x = 1\n"
    assert list(code_lines(text)) == [(6, "if True:"), (7, "x = 1")]


def code_lines(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers and lines of a source, stripped, without blank lines and imports."""
    imports = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and number not in imports:
            yield number, line.strip()


def equal_places(sources: dict[str, list[tuple[int, str]]]) -> Iterator[str]:
    """Pairs of places that begin the same run of at least ``EQUAL_LINES`` lines, each run once."""
    windows: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, lines in sources.items():
        for k in range(len(lines) - EQUAL_LINES + 1):
            windows[tuple(line for _, line in lines[k : k + EQUAL_LINES])].append((name, k))
    for places in windows.values():
        for i, (one, k) in enumerate(places):
            for other, m in places[i + 1 :]:
                a, b = sources[one], sources[other]
                if k and m and a[k - 1][1] == b[m - 1][1]:
                    continue  # within a run that began earlier
                length = len(list(takewhile(lambda pair: pair[0][1] == pair[1][1], zip(a[k:], b[m:], strict=False))))
                yield f"{one}:{a[k][0]} and {other}:{b[m][0]}: {length} lines from {a[k][1]!r}"
