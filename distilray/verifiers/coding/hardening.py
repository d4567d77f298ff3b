"""Test code, rewritten so that no program decides its own tests, and compiled for the sandbox.

What the rewriting calls is sandbox/honesty.py. Compiling here spares the sandboxed process the work: a data set's tests
are the same for each answer, and code objects of one interpreter load in another run of it.
"""

from __future__ import annotations

import ast
import binascii
import marshal

from distilray.verifiers.coding.caching import kept_lately
from distilray.verifiers.sandbox.honesty import ARGUMENT, HONEST, METHOD_OF, TRUSTED
from distilray.verifiers.sandbox.trusted import CORE

PACKAGE = "solution"  # what the program is called in the sandbox


@kept_lately(128, characters=50_000)
def compiled(code: str, path: str, shadows: frozenset[str]) -> str:
    """Hardened test code as a code object of the file `path`: marshalled, in base64. `shadows` are names of builtins
    that the program may define and the tests mean."""
    made = compile(hardened(code, shadows), path, "exec", dont_inherit=True)
    return binascii.b2a_base64(marshal.dumps(made), newline=False).decode()


def hardened(code: str, shadows: frozenset[str]) -> ast.Module:
    """Test code as a tree to compile."""
    tree = ast.parse(code)
    tree.body = [node for one in tree.body for node in _as_main(one)]
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {getattr(node, "name", None) for node in ast.walk(tree)}
    bound |= {alias.asname or alias.name for node in ast.walk(tree) for alias in getattr(node, "names", ())
              if isinstance(alias, ast.alias)}  # fmt: skip
    names = CORE.keys() - bound - shadows
    return ast.fix_missing_locations(_Hardening(names).visit(tree))


class _Hardening(ast.NodeTransformer):
    def __init__(self, names: set[str]):
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._names and isinstance(node.ctx, ast.Load):
            node.id = TRUSTED + node.id
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.left = _checked(node.left)
        node.comparators = [_checked(one) for one in node.comparators]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert"):
            node.args = [_checked(one, ARGUMENT) for one in node.args]
            node.func = _call(METHOD_OF, node.func.value, ast.Constant(node.func.attr))
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level:
            node.level, node.module = 0, node.module or PACKAGE
        return node


def _checked(node: ast.expr, check: str = HONEST) -> ast.expr:
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
