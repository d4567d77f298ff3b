"""What test code may rely on although the program ran first: the builtins and the library as they were before it.

A program that replaces `builtins.len`, `math.isclose` or `unittest.TestCase.assertEqual` decides its own tests; what
was there before it is put back before each test.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any

_KEPT_OUT = {"builtins", "threading"}  # one is always put back, the other's variables change as threads come and go
_CLASSES = ("TestCase", "TestSuite", "TestResult", "FunctionTestCase", "IsolatedAsyncioTestCase")

BUILTINS = dict(vars(builtins))
_CORE_NAMES = [
    "abs", "all", "any", "bool", "bytes", "dict", "enumerate", "filter", "float", "frozenset", "getattr",
    "hasattr", "hash", "id", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min",
    "next", "range", "repr", "reversed", "round", "set", "setattr", "sorted", "str", "sum", "tuple", "type",
    "zip",
]  # fmt: skip
CORE = {name: BUILTINS[name] for name in _CORE_NAMES}
"""What assertions compute with; no test replaces these to see what a program does."""
_modules: dict[str, tuple[Any, dict[str, Any]]] = {}
_classes: list[tuple[type, dict[str, Any]]] = []


def remember(packages: Collection[str]) -> None:
    """Called before the program runs, unless it has no means to replace anything: keep `packages` and what is in them.
    (Not in the launcher, and not always: each object touched is a page that a fork no longer shares with it.)"""
    for name, module in list(sys.modules.items()):
        if name not in _KEPT_OUT and name.partition(".")[0] in packages and type(module) is ModuleType:
            _modules[name] = (module, dict(vars(module)))
    for name in _CLASSES:
        found = getattr(sys.modules["unittest"], name, None)
        if found is not None:
            _classes.append((found, dict(vars(found))))


def restore() -> None:
    """Put back what is no longer as it was. What a program added to a module stays."""
    if not _modules:
        return
    builtins.__dict__.update(BUILTINS)
    for name, (module, content) in _modules.items():
        sys.modules[name] = module
        module.__dict__.update(content)
    restore_assertions()


def restore_assertions() -> None:
    """Put back what assertions work with. `input`, `print` and the like are left to a test that patches them."""
    if not _modules:
        return
    builtins.__dict__.update(CORE)
    for found, content in _classes:
        now = vars(found)
        for name, value in content.items():
            if now.get(name) is not value and name not in ("__dict__", "__weakref__"):
                type.__setattr__(found, name, value)
