"""The part of pytest that test functions use, for a Python in which programs run without it.

Names and behaviour are pytest's (raises, approx, mark.parametrize, fixture, skip, and the fixtures capsys, monkeypatch
and tmp_path); anything else makes a test undecided.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

PARAMETERS, FIXTURE, SKIPPED, FAILING = "_parameters", "_fixture", "_skipped", "_failing"


class NotHere(Exception):
    """A test needs something that is not there; the program is not to blame."""


class Skipped(Exception):
    """A test asked not to be run."""


class Raises(contextlib.AbstractContextManager):
    """`with raises(ValueError, match="...") as caught:`; `caught.value` is the exception."""

    def __init__(self, expected: Any, match: str | None = None):
        self._expected, self._match = expected, match
        self.value: BaseException | None = None

    @property
    def type(self) -> Any:
        return type(self.value)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            raise AssertionError(f"did not raise {self._expected}")
        if not isinstance(error, self._expected):
            return False
        self.value = error
        if self._match is not None and not re.search(self._match, str(error)):
            raise AssertionError(f"{str(error)!r} does not match {self._match!r}")
        return True

    def match(self, pattern: str) -> bool:
        if not re.search(pattern, str(self.value)):
            raise AssertionError(f"{str(self.value)!r} does not match {pattern!r}")
        return True


def raises(expected: Any, *call: Any, match: str | None = None, **named: Any) -> Any:
    caught = Raises(expected, match)
    if not call:
        return caught
    with caught:
        call[0](*call[1:], **named)
    return caught


class Approx:
    """Equal within 1e-6 of the expected value or 1e-12, whichever is more; in sequences and mappings item by item."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False):
        self.expected, self._rel, self._abs, self._nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, other: object) -> bool:
        return self._near(other, self.expected)

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    def _near(self, one: Any, expected: Any) -> bool:
        one, expected = (x.tolist() if hasattr(x, "tolist") else x for x in (one, expected))  # numpy's
        if isinstance(expected, dict):
            same = isinstance(one, dict) and one.keys() == expected.keys()
            return same and all(self._near(one[key], expected[key]) for key in expected)
        if isinstance(expected, (list, tuple)):
            fits = isinstance(one, (list, tuple)) and len(one) == len(expected)
            return fits and all(map(self._near, one, expected))
        if one == expected:
            return True
        if isinstance(expected, bool) or not isinstance(expected, (int, float, complex)):
            return False
        if one != one and expected != expected:
            return self._nan_ok
        near = max(self._abs if self._abs is not None else 1e-12, (self._rel or 1e-6) * abs(expected))
        if self._abs is not None and self._rel is None:
            near = self._abs
        return abs(expected) != float("inf") and abs(one - expected) <= near


class _Marks:
    """`mark.parametrize`, `mark.skip`, `mark.skipif` and `mark.xfail`; other marks change nothing here."""

    def __getattr__(self, name: str) -> Any:
        def mark(*arguments: Any, **named: Any) -> Any:
            if len(arguments) == 1 and not named and isinstance(arguments[0], (types.FunctionType, type)):
                return _marked(name, (), arguments[0])
            return lambda function: _marked(name, arguments or tuple(named.values()), function)

        return mark


def _marked(name: str, arguments: tuple[Any, ...], function: Any) -> Any:
    if name == "parametrize":
        setattr(function, PARAMETERS, [*getattr(function, PARAMETERS, []), arguments[:2]])
    elif name == "skip" or (name == "skipif" and arguments and arguments[0]):
        setattr(function, SKIPPED, True)
    elif name == "xfail":
        setattr(function, FAILING, True)
    return function


def fixture(function: Any = None, **settings: Any) -> Any:
    if function is None:
        return lambda one: fixture(one, **settings)
    setattr(function, FIXTURE, settings)
    return function


def fail(reason: str = "", **_: Any) -> None:
    raise AssertionError(reason)


def skip(reason: str = "", **_: Any) -> None:
    raise Skipped(reason)


def param(*values: Any, **_: Any) -> tuple[Any, ...]:
    return values if len(values) != 1 else values[0]


def importorskip(name: str, *_: Any, **__: Any) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skipped(f"{name} is not installed") from None


class Stand(types.ModuleType):
    """The module `pytest` of test code."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotHere(f"the tests need pytest.{name}")


def module() -> Stand:
    """These names as a module."""
    made = Stand("pytest")
    made.__dict__.update(
        raises=raises, approx=Approx, mark=_Marks(), fixture=fixture, fail=fail, skip=skip, param=param,
        importorskip=importorskip,
    )  # fmt: skip
    return made


class Monkeypatch:
    """`setattr`, `delattr`, `setitem`, `delitem`, `setenv`, `delenv`, undone after the test."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def setattr(self, target: Any, name: Any, value: Any = NotHere, raising: bool = True) -> None:
        if isinstance(target, str):
            path, value = target.rpartition("."), name
            __import__(path[0])
            target, name = sys.modules[path[0]], path[2]
        if hasattr(target, name):
            self._undo.append(functools.partial(setattr, target, name, getattr(target, name)))
        elif raising:
            raise AttributeError(name)
        setattr(target, name, value)

    def setitem(self, mapping: Any, key: Any, value: Any) -> None:
        old = mapping.get(key, NotHere)
        self._undo.append(lambda: mapping.pop(key, None) if old is NotHere else mapping.__setitem__(key, old))
        mapping[key] = value

    def delattr(self, target: Any, name: str, raising: bool = True) -> None:
        if hasattr(target, name):
            self._undo.append(functools.partial(setattr, target, name, getattr(target, name)))
            delattr(target, name)

    def delitem(self, mapping: Any, key: Any, raising: bool = True) -> None:
        if key in mapping:
            self._undo.append(lambda old=mapping[key]: mapping.__setitem__(key, old))
            del mapping[key]

    def setenv(self, name: str, value: str) -> None:
        self.setitem(os.environ, name, value)

    def delenv(self, name: str, raising: bool = True) -> None:
        self.delitem(os.environ, name)

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()


class Captured:
    """`capsys`: what was printed since the last look, as `out` and `err`."""

    def __init__(self) -> None:
        self._streams = (io.StringIO(), io.StringIO())
        self._before = (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = self._streams

    def readouterr(self) -> Any:
        said = types.SimpleNamespace(out=self._streams[0].getvalue(), err=self._streams[1].getvalue())
        for stream in self._streams:
            stream.seek(0)
            stream.truncate()
        return said

    def undo(self) -> None:
        sys.stdout, sys.stderr = self._before


@contextlib.contextmanager
def provided(name: str) -> Iterator[Any]:
    """A fixture of pytest's own, for the length of a test."""
    if name == "tmp_path":
        import pathlib
        import tempfile

        yield pathlib.Path(tempfile.mkdtemp(dir=os.getcwd()))
    elif name in ("capsys", "monkeypatch"):
        made = Captured() if name == "capsys" else Monkeypatch()
        try:
            yield made
        finally:
            made.undo()
    else:
        raise NotHere(f"the tests need the fixture {name!r}")
