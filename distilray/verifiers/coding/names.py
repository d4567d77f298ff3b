"""The names that a piece of Python defines and those that it takes from elsewhere."""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property

DEFINED, STUB, VALUE, IMPORTED = "defined", "stub", "value", "imported"
_ALWAYS = {*dir(builtins), "__name__", "__file__", "__doc__", "__builtins__", "__annotations__", "__spec__"}
_WAYS_ROUND = {
    "setattr", "delattr", "exec", "eval", "vars", "globals", "locals", "__import__", "__builtins__", "__dict__",
    "__setattr__", "__delattr__", "__globals__", "__getattribute__", "modules", "import_module", "builtins",
    "importlib", "f_globals",
    "f_locals", "f_builtins", "_getframe", "gc", "ctypes", "mock", "inspect", "attrgetter", "pickle",
    "unittest", "pytest", "code", "runpy", "types", "settrace", "setprofile",
}  # fmt: skip
_READS = {"input", "stdin", "raw_input", "fileinput"}
_WRITES = {"print", "stdout"}


class Module:
    """Python code that parses, and what it has to do with the outside."""

    def __init__(self, code: str, tree: ast.Module):
        self.code = code
        self.tree = tree

    @cached_property
    def defines(self) -> dict[str, str]:
        """Names bound at the top, and how: a function or class with content, one without, a value, an import."""
        found: dict[str, str] = {}
        for node in statements(self.tree.body):
            for name, how in _bound(node):
                if how != STUB or found.get(name) != DEFINED:
                    found[name] = how
        return found

    @cached_property
    def methods(self) -> set[str]:
        """Names of the methods of all classes."""
        classes = [node for node in self.tree.body if isinstance(node, ast.ClassDef)]
        return {node.name for one in classes for node in one.body if isinstance(node, FUNCTIONS)}

    @cached_property
    def uses(self) -> set[str]:
        """Global names that it refers to, its own among them, builtins aside."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = symtable.symtable(self.code, "code", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()
        return set(_referenced(table)) - _ALWAYS

    @cached_property
    def needs(self) -> set[str]:
        """Global names that it refers to and does not bind."""
        return self.uses - self.defines.keys()

    @cached_property
    def words(self) -> set[str]:
        """All identifiers in it."""
        names = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        return names | {node.attr for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}

    @property
    def reads(self) -> bool:
        """Whether it reads standard input, as far as one can see."""
        opens = (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
            and node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value in (0, "/dev/stdin")
            for node in ast.walk(self.tree)
        )  # fmt: skip
        return bool(self.words & _READS) or any(opens)

    @property
    def writes(self) -> bool:
        return bool(self.words & _WRITES) or bool(self.words & {"os"} and self.words & {"write"})

    @cached_property
    def may_replace(self) -> bool:
        """Whether it could change a module or a class that is not its own: it sets attributes of something other than
        `self`, or has a way round that."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                if node.attr in _WAYS_ROUND or (not isinstance(node.ctx, ast.Load) and not own):
                    return True
            elif (isinstance(node, ast.Name) and node.id in _WAYS_ROUND) or (
                isinstance(node, ast.alias) and not _WAYS_ROUND.isdisjoint(node.name.split("."))
            ):
                return True
        return False

    @property
    def acts(self) -> bool:
        """Whether running it does more than define things."""
        passive = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Pass)
        return any(
            not isinstance(node, passive) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            for node in self.tree.body
        )

    @property
    def functions(self) -> list[str]:
        """Its own functions at the top that have content, in order."""
        nodes = (node for node in statements(self.tree.body) if isinstance(node, FUNCTIONS))
        return list(dict.fromkeys(node.name for node in nodes if self.defines.get(node.name) == DEFINED))

    @property
    def says_nothing(self) -> bool:
        """Whether it only looks like code: literals and bare names, as printed output does."""
        return all(
            (isinstance(node, ast.Expr) and not any(isinstance(part, _DOES) for part in ast.walk(node)))
            or (isinstance(node, ast.AnnAssign) and node.value is None)
            for node in self.tree.body
        )


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOES = (ast.Call, ast.Await, ast.NamedExpr, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.JoinedStr)


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module does, those inside if, for, while, with and try included."""
    for node in body:
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, name, []))
            for handler in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
                yield from statements(handler.body)


def is_stub(node: ast.AST) -> bool:
    """Whether a function or class is a placeholder: nothing but a docstring, `pass`, `...` or NotImplementedError."""
    if not isinstance(node, FUNCTIONS):
        return False
    return all(
        isinstance(part, ast.Pass)
        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        or (isinstance(part, ast.Raise) and "NotImplemented" in ast.dump(part))
        for part in node.body
    )


def _bound(node: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name, STUB if is_stub(node) else DEFINED
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0], IMPORTED
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)):
        for part in _targets(node):
            for name in ast.walk(part):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    yield name.id, VALUE


def _targets(node: ast.stmt) -> list[ast.AST]:
    if isinstance(node, ast.Assign):
        return list(node.targets)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return [item.optional_vars for item in node.items if item.optional_vars is not None]
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return []
    return [node.target]  # type: ignore[attr-defined]


def _referenced(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _referenced(child)
