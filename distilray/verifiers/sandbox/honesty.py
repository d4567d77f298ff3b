"""Test code that an object cannot talk round: comparisons refuse values that claim to equal everything.

The code is rewritten before it runs. Both sides of a comparison, and what is given to `assert...` methods, pass
`honest`, which raises for a liar and hands on anything else; these methods are looked up where a program cannot have
replaced them; names of builtins mean the builtins, whatever the program calls by these names.
"""

from __future__ import annotations

import ast
from collections import deque
from typing import Any

from distilray.verifiers.sandbox import trusted

# Held here: a program may replace the builtins of the same names.
_bool, _id, _isinstance, _map, _set, _type = bool, id, isinstance, map, set, type
_PLAIN = {int, float, complex, bool, str, bytes, type(None), range, slice, type(Ellipsis)}
_ITEMS: tuple[tuple[Any, Any], ...] = (
    (dict, dict.values),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
    (deque, deque.__iter__),
)
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__gt__")
_SLOT, _METHOD, _MISSING = type(object.__eq__), type(str.lower), type(None)
_NOTHING = object()
_UNLIKE = (
    (12345.625, -98765.5),
    (7919, -104729),
    ("\x00one", "\x01other"),
    ([_NOTHING], [_NOTHING, _NOTHING]),
    ((_NOTHING,), (_NOTHING, _NOTHING)),
    ({_NOTHING: 1}, {_NOTHING: 2}),
    (None, _NOTHING),
)
_LEAST, _MOST = float("-inf"), float("inf")
_HONEST, _ARGUMENT, _METHOD_OF = "<trusted> honest", "<trusted> argument", "<trusted> method"
_TRUSTED = "<trusted> builtin "


def honest(value: Any) -> Any:
    """`value` itself. Raises AssertionError if it, or something in it, claims to equal things that differ."""
    if _type(value) in _PLAIN:
        return value
    waiting, seen = [value], _set()
    while waiting:
        one = waiting.pop()
        kind = _type(one)
        if kind in _PLAIN or _id(one) in seen:
            continue
        seen.add(_id(one))
        for container, items in _ITEMS:
            if _isinstance(one, container):
                if not _set(_map(_type, items(one))) <= _PLAIN:
                    waiting.extend(items(one))
                break
        if _decides_itself(kind) and _claims_everything(one):
            raise AssertionError(f"a {kind.__name__} claims to equal everything")
    return value


def argument(value: Any) -> Any:
    """`honest`, for what an assertion is given: computing it may have replaced what assertions work with."""
    trusted.restore_assertions()
    return honest(value)


def method_of(owner: Any, name: str) -> Any:
    trusted.restore_assertions()
    return getattr(owner, name)


def _decides_itself(kind: type) -> bool:
    return any(_type(getattr(kind, name, None)) is not _SLOT for name in _COMPARISONS) or _contains_itself(kind)


def _contains_itself(kind: type) -> bool:
    return _type(getattr(kind, "__contains__", None)) not in (_SLOT, _METHOD, _MISSING)


def _claims_everything(one: Any) -> bool:
    if _holds(lambda: one == _NOTHING) or (_contains_itself(_type(one)) and _holds(lambda: _NOTHING in one)):
        return True
    if any(_holds(lambda a=a: one == a) and _holds(lambda b=b: one == b) for a, b in _UNLIKE):
        return True
    return _holds(lambda: one < _LEAST) or _holds(lambda: one > _MOST)


def _holds(claim: Any) -> bool:
    try:
        return _bool(claim())
    except BaseException:  # it refuses such a comparison, as honest objects do
        return False


def hardened(code: str, shadows: set[str], package: str) -> ast.Module:
    """Test code as a tree to compile. `shadows` are names of builtins that the program may define and the tests mean;
    relative imports are of the module `package`."""
    tree = ast.parse(code)
    tree.body = [node for one in tree.body for node in _as_main(one)]
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {getattr(node, "name", None) for node in ast.walk(tree)}
    bound |= {alias.asname or alias.name for node in ast.walk(tree) for alias in getattr(node, "names", ())
              if isinstance(alias, ast.alias)}  # fmt: skip
    names = trusted.CORE.keys() - bound - shadows
    return ast.fix_missing_locations(_Hardening(names, package).visit(tree))


def helpers() -> dict[str, Any]:
    """What hardened code refers to, for the namespace that it runs in."""
    own = {_HONEST: honest, _ARGUMENT: argument, _METHOD_OF: method_of}
    return {**own, **{_TRUSTED + name: value for name, value in trusted.CORE.items()}}


class _Hardening(ast.NodeTransformer):
    def __init__(self, names: set[str], package: str):
        self._names = names
        self._package = package

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._names and isinstance(node.ctx, ast.Load):
            node.id = _TRUSTED + node.id
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.left = _checked(node.left)
        node.comparators = [_checked(one) for one in node.comparators]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert"):
            node.args = [_checked(one, _ARGUMENT) for one in node.args]
            node.func = _call(_METHOD_OF, node.func.value, ast.Constant(node.func.attr))
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level:
            node.level, node.module = 0, node.module or self._package
        return node


def _checked(node: ast.expr, check: str = _HONEST) -> ast.expr:
    """`node`, checked when it runs; not the tests' own literals, and not their own wildcard `mock.ANY`."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if isinstance(node, (ast.Constant, ast.Starred)) or name == "ANY" or _is_literal(node):
        return node
    return _call(check, node)


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return all(_is_literal(one) for one in node.elts)
    if isinstance(node, ast.Dict):
        return all(one is not None and _is_literal(one) for one in (*node.keys, *node.values))
    return isinstance(node, ast.Constant)


def _as_main(node: ast.stmt) -> list[ast.stmt]:
    """A statement as it runs when the test code is the main module, without calls of `unittest.main` and the like:
    its cases are run one by one."""
    if isinstance(node, ast.If) and "__name__" in ast.dump(node.test) and "__main__" in ast.dump(node.test):
        return [inner for one in node.body for inner in _as_main(one)]
    if isinstance(node, ast.Expr) and any(_is_main(part) for part in ast.walk(node)):
        return []
    return [node]


def _is_main(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr == "main" and getattr(node.func.value, "id", "") in ("unittest", "pytest", "absltest")
    return False
