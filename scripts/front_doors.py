"""A contract for import-linter: a package is entered through its front door alone.

A package here is a folder right below ``distilray``; its front door is its ``__init__`` (what it exports stands in
``__init__.pyi`` and is loaded when it is asked for). ``side_doors`` lists modules that others may import by name, each
with its reason as a comment in pyproject.toml.
"""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FrontDoors(Contract):
    """No module of one package imports a module inside another."""

    root = fields.StringField()
    side_doors = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        root = f"{self.root}."  # type: ignore[attr-defined]
        allowed = set(self.side_doors or [])  # type: ignore[attr-defined]
        found = []
        for importer in sorted(graph.modules):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                inside = imported.startswith(root) and imported.count(".") > 1
                if inside and _package(importer) != _package(imported) and imported not in allowed:
                    found.append((importer, imported))
        unused = sorted(door for door in allowed if door not in graph.modules)
        return ContractCheck(kept=not found and not unused, metadata={"found": found, "unused": unused})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} reaches past the front door of {_package(imported)}: {imported}")
        for door in check.metadata["unused"]:
            output.print_error(f"{door} is listed as a side door and is not there")


def _package(module: str) -> str:
    return ".".join(module.split(".")[:2])
