"""Test code, read without running it: what in it can fail, and what somebody else would have to call.

Test code that only defines its tests (unittest, pytest, `check(candidate)`) passes every program unless they are
called. A case names one of them:

    ("module", "")                          statements that run with the module, assertions among them
    ("unittest", "TestArea.test_small")     a method of a unittest.TestCase
    ("method", "TestArea.test_small")       the same of a plain class, as pytest collects it
    ("function", "test_small")              a test function, or an uncalled one without parameters that asserts
    ("candidate", "check")                  one that takes the function under test
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec

from distilray.verifiers.coding.caching import kept_lately
from distilray.verifiers.coding.fences import parse
from distilray.verifiers.coding.names import FUNCTIONS, Module, statements

_ASSERTING = ("fail", "raises", "warns")
_CANDIDATES = {"candidate", "func", "function", "f", "fn", "solution", "method", "sol", "solve", "implementation"}
_LEAVING = {"exit", "_exit", "quit"}
Functions = dict[str, ast.FunctionDef | ast.AsyncFunctionDef]


@dataclass(frozen=True)
class TestCode:
    """One piece of test code: its cases as (kind, name), the names it takes from a program, and what it imports from
    modules, some of which may be the program: {"solution": ["area"]}."""

    code: str
    cases: tuple[tuple[str, str], ...]
    names: frozenset[str]
    imports: dict[str, list[str]] = field(default_factory=dict)


@kept_lately(128, characters=50_000)
def read_test_code(code: str) -> TestCode | None:
    """What `code` holds; None if it is not Python. Code without a test has no cases."""
    tree = parse(code)
    if tree is None:
        return None
    module = Module(code, tree)
    body = list(_as_main(tree.body))
    functions: Functions = {node.name: node for node in body if isinstance(node, FUNCTIONS)}
    failing = _that_can_fail(functions)
    imports = _imports(tree)
    named = {name for top, names in imports.items() if not _installed(top) for name in names}
    cases = (
        *_of_the_module(body, failing),
        *_of_classes(body, failing),
        *_of_functions(tree, body, functions, failing),
    )
    return TestCode(code, cases, frozenset(module.needs | named), imports)


def _as_main(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of the module as it runs by itself: `if __name__ == "__main__"` holds."""
    for node in body:
        if isinstance(node, ast.If) and "__name__" in ast.dump(node.test) and "__main__" in ast.dump(node.test):
            yield from _as_main(node.body)
        else:
            yield node


def _that_can_fail(functions: Functions) -> set[str]:
    """The functions that assert or raise, by themselves or through one another."""
    failing: set[str] = set()
    while True:
        more = {name for name, node in functions.items() if name not in failing and _can_fail(node.body, failing)}
        if not more:
            return failing
        failing |= more


def _can_fail(body: list[ast.stmt] | list[ast.AST], failing: set[str]) -> bool:
    return any(_is_check(part, failing) for node in body for part in ast.walk(node))


def _is_check(node: ast.AST, failing: set[str]) -> bool:
    if isinstance(node, ast.Assert):
        return any(isinstance(part, (ast.Name, ast.Call)) for part in ast.walk(node.test))
    if isinstance(node, ast.Raise):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = _last_name(node.func)
    if name in _LEAVING:
        return bool(node.args) and not (isinstance(node.args[0], ast.Constant) and node.args[0].value in (0, None))
    return name in failing or name in _ASSERTING or name.startswith("assert")


def _of_the_module(body: list[ast.stmt], failing: set[str]) -> Iterator[tuple[str, str]]:
    own = [node for node in statements(body) if not isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    if _can_fail(list(_without_scopes(own)), failing):
        yield "module", ""


def _without_scopes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if not any(isinstance(part, (*FUNCTIONS, ast.ClassDef)) for part in ast.walk(node)):
            yield node


def _of_classes(body: list[ast.stmt], failing: set[str]) -> Iterator[tuple[str, str]]:
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    for name, node in classes.items():
        line = _ancestry(node, classes)
        methods = {part.name: part for one in reversed(line) for part in one.body if isinstance(part, FUNCTIONS)}
        unittest = any(_last_name(base).endswith("TestCase") for one in line for base in one.bases)
        if unittest:
            found = [name for name in methods if name.startswith("test")] or [n for n in methods if n == "runTest"]
        elif name.startswith("Test") and "__init__" not in methods:
            found = [name for name in methods if name.startswith("test")]
        else:
            continue
        inside = failing | _that_can_fail(dict(methods))
        for method in sorted(found) if unittest else found:
            if _can_fail(methods[method].body, inside):
                yield "unittest" if unittest else "method", f"{name}.{method}"


def _ancestry(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """The class with those of its bases that stand in the same code."""
    line, waiting = [], [node]
    while waiting:
        one = waiting.pop(0)
        if one not in line:
            line.append(one)
            waiting += [classes[base.id] for base in one.bases if isinstance(base, ast.Name) and base.id in classes]
    return line


def _of_functions(
    tree: ast.Module, body: list[ast.stmt], functions: Functions, failing: set[str]
) -> Iterator[tuple[str, str]]:
    fixtures = {name for name, node in functions.items() if any("fixture" in ast.dump(d) for d in node.decorator_list)}
    called = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    for name, node in functions.items():
        if name in called or name in fixtures or name not in failing:
            continue
        arguments = node.args
        required = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        required = required[: len(required) - len(arguments.defaults)]
        if name.startswith("test"):
            yield "candidate" if required and required[0] == "candidate" else "function", name
        elif not required:
            yield "function", name
        elif len(required) == 1 and (name == "check" or required[0] in _CANDIDATES):
            yield "candidate", name


def _imports(tree: ast.Module) -> dict[str, list[str]]:
    """What the code takes from the modules that it imports."""
    found: dict[str, list[str]] = {}
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = found.setdefault((node.module or "solution").partition(".")[0], [])
            names += [alias.name for alias in node.names if alias.name != "*"]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                aliases[alias.asname or top] = top
                found.setdefault(top, [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found[aliases[node.value.id]].append(node.attr)
    return {module: sorted(set(names)) for module, names in found.items()}


@cache
def _installed(module: str) -> bool:
    return module == "pytest" or module in sys.stdlib_module_names or find_spec(module) is not None


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
