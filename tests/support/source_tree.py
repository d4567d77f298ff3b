"""What the sources of distilray import, read from their syntax trees: nothing is executed.

    tree = SourceTree(ROOT / "distilray")
    tree.imports["distilray.cli.run"]   # [Import(target="distilray.driver.runs", external="", when="in function", ...)]
    tree.loads("distilray.driver.runs") # {"ray", "pyarrow", ...}: what importing it brings in

A name imported through a front door (``from distilray.rows import Row``) counts as an import of the module that defines
it (``distilray.rows.row``), as the front doors load lazily.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Import:
    """One import: ``target`` is the module of distilray that it loads, or else ``external`` the other package."""

    target: str
    external: str
    when: Literal["at once", "in function", "on use"]
    """``on use``: of a package that was imported whole, ``practice.make``, when the attribute is asked for."""
    line: int


class SourceTree:
    """All modules below ``root``, a package's folder."""

    def __init__(self, root: Path) -> None:
        self.name = root.name
        self.files: dict[str, Path] = {}
        self.packages: set[str] = set()
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
                self.packages.add(".".join(parts))
            self.files[".".join(parts)] = path
        self.trees = {name: ast.parse(path.read_text("utf-8")) for name, path in self.files.items()}
        self.doors = {name: self._door(name) for name in sorted(self.packages)}
        self.imports = {name: list(self._imports(name)) for name in self.files}

    def _door(self, package: str) -> dict[str, str]:
        """What the package's front door exports: name to ``module:name`` where it is defined, one step further."""
        stub = self.files[package].with_suffix(".pyi")
        exported = {}
        for node in ast.parse(stub.read_text("utf-8")).body if stub.is_file() else ():
            if isinstance(node, ast.ImportFrom) and node.module:  # ``from . import steps`` exports the submodule itself
                for alias in node.names:
                    exported[alias.asname or alias.name] = f"{package}.{node.module}:{alias.name}"
        return exported

    def definition(self, module: str, name: str) -> str:
        """The module that ``from module import name`` loads."""
        if f"{module}.{name}" in self.files:
            return f"{module}.{name}"
        if name in self.doors.get(module, {}):
            return self.definition(*self.doors[module][name].split(":"))
        return module

    def defined(self, module: str) -> set[str]:
        """Names that a module binds at its top level."""
        return set(_bound(self.trees[module].body))

    def _imports(self, module: str) -> Iterator[Import]:
        whole: dict[str, str] = {}  # names bound to a package: each attribute of it loads a module
        for node, in_function in _runtime_nodes(self.trees[module]):
            when = "in function" if in_function else "at once"
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield self._import(alias.name, when, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                assert node.module and not node.level, f"{module}:{node.lineno}: a relative import"
                for alias in node.names:
                    target = self.definition(node.module, alias.name) if self._ours(node.module) else node.module
                    if self.doors.get(target):
                        whole[alias.asname or alias.name] = target
                    else:
                        yield self._import(target, when, node.lineno)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
                yield self._import(self.definition(whole[node.value.id], node.attr), "on use", node.lineno)

    def _import(self, target: str, when: Literal["at once", "in function", "on use"], line: int) -> Import:
        if self._ours(target):
            return Import(target, "", when, line)
        return Import("", target.split(".")[0], when, line)

    def _ours(self, module: str) -> bool:
        return module.split(".")[0] == self.name

    @cache  # noqa: B019  (a tree lives as long as the tests)
    def loads(self, module: str) -> frozenset[str]:
        """External packages that importing ``module`` brings in, directly or through other modules."""
        found, seen, waiting = set(), {module}, [module]
        while waiting:
            for imported in self.imports.get(waiting.pop(), ()):
                if imported.when != "at once":
                    continue
                if imported.external:
                    found.add(imported.external)
                elif imported.target not in seen:
                    seen.add(imported.target)
                    waiting.append(imported.target)
        return frozenset(found)

    def circles(self) -> list[list[str]]:
        """Modules that import one another, imports in functions and on use included; each circle sorted."""
        edges = {name: {i.target for i in imports if i.target in self.files} for name, imports in self.imports.items()}
        reach = {name: _reachable(edges, name) for name in edges}
        found = {frozenset(o for o in reach[name] if name in reach[o]) for name in edges if name in reach[name]}
        return sorted(sorted(circle) for circle in found)


def _reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in edges.get(waiting.pop(), set()) - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def _runtime_nodes(node: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node below ``node`` that runs (not what stands under ``if TYPE_CHECKING``), in order."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child, in_function
        inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _runtime_nodes(child, in_function or inner)


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.If | ast.Try):
            yield from _bound([*node.body, *node.orelse])
