"""Runs the cases of test code: its module, unittest's methods, pytest's functions, `check(candidate)`."""

from __future__ import annotations

import binascii
import contextlib
import importlib.util
import inspect
import itertools
import linecache
import marshal
import sys
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from distilray.verifiers.sandbox import honesty, pytest_names, trusted
from distilray.verifiers.sandbox.pytest_names import FAILING, FIXTURE, PARAMETERS, SKIPPED, NotHere, Skipped
from distilray.verifiers.sandbox.reporting import describe

Space = dict[str, Any]
Tell = Callable[[int, BaseException | None], None]
_OF_THE_PROGRAM = {"solution", "main", "task", "answer", "candidate", "program", "submission", "your_module", "module"}
_USUAL = {"np": "numpy", "pd": "pandas"}


class TestUnit:
    """One piece of test code in a namespace: the program's own, or a module of its own if it imports the program."""

    def __init__(self, number: int, unit: dict[str, Any], program: Space, entry: str):
        self.path, self.code = unit["path"], unit["code"]
        self._program, self._entry = program, entry
        linecache.cache[self.path] = (len(self.code), None, self.code.splitlines(keepends=True), self.path)
        taken = [top for top, names in unit["imports"].items() if _is_the_program(top, names, program)]
        for top in taken:
            sys.modules[top] = sys.modules[program["__name__"]]
        self.space = self._module(number) if taken else program
        self.space.update(honesty.helpers())
        _import_usual(unit["names"], self.space)
        if "candidate" in unit["names"] and "candidate" not in self.space:
            self.space["candidate"] = entry_of(program, entry)
        self._compiled = marshal.loads(binascii.a2b_base64(unit["compiled"]))

    def run(self, cases: list[tuple[int, str, str]], tell: Tell) -> None:
        """Run the code, then its cases (position, kind, name), and `tell` what came of each."""
        try:
            trusted.restore()
            if "pytest" not in sys.modules or not isinstance(sys.modules["pytest"], pytest_names.Stand):
                sys.modules["pytest"] = pytest_names.module()
            exec(self._compiled, self.space)
        except BaseException as error:
            for position, _, _ in cases:
                tell(position, error)
            return
        for (kind, owner), group in itertools.groupby(cases, key=lambda case: (case[1], case[2].partition(".")[0])):
            if kind == "unittest":
                self._run_unittest(owner, list(group), tell)
            else:
                for position, _, name in group:
                    if kind != "module":
                        trusted.restore()
                    tell(position, _outcome(self._case(kind, name)))

    def _module(self, number: int) -> Space:
        made = type(sys)(f"tests_{number}")
        sys.modules[made.__name__] = made
        return made.__dict__

    def _case(self, kind: str, name: str) -> Callable[[], Any]:
        if kind == "module":
            return lambda: None  # it has run
        if kind == "candidate":
            return lambda: self.space[name](entry_of(self._program, self._entry))
        if kind == "method":
            owner, _, method = name.partition(".")
            return lambda: _run_method(self.space, self.space[owner], method)
        return lambda: _run_function(self.space, self.space[name], None)

    def _run_unittest(self, owner: str, cases: list[tuple[int, str, str]], tell: Tell) -> None:
        found = self.space[owner]
        result = _Result({case[2].partition(".")[2]: case[0] for case in cases}, tell)
        unittest.TestSuite(found(name) for name in result.waiting).run(result)
        for position in list(result.waiting.values()):
            tell(position, result.of_class or AssertionError("the test was not run"))


class _Result(unittest.TestResult):
    """Tells of each method when it has ended; `of_class` is what went wrong in setUpClass or setUpModule."""

    def __init__(self, waiting: dict[str, int], tell: Tell):
        super().__init__()
        self.waiting = waiting
        self.of_class: BaseException | None = None
        self._tell = tell
        self._error: BaseException | None = None

    def startTest(self, test: unittest.TestCase) -> None:
        trusted.restore()
        self._error = AssertionError("the test did not end")

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._error = None

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._error = None

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._error = AssertionError("it passes although it is expected to fail")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._error = Skipped(reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self._error = err[1]
        if not isinstance(test, unittest.TestCase):
            self.of_class = err[1]

    addFailure = addError

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self._error = err[1]

    def stopTest(self, test: unittest.TestCase) -> None:
        self._tell(self.waiting.pop(test._testMethodName), self._error)


def entry_of(program: Space, name: str) -> Any:
    """The function under test: `solve`, `Solution.solve`, `Solution().solve`, or `solve` of the class Solution."""
    if name.isidentifier() and name in program:
        return program[name]
    owner, _, method = name.rpartition(".")
    owner = owner.removesuffix("()") or "Solution"
    if owner in program:
        return getattr(program[owner](), method)
    raise NameError(f"the program does not define {name!r}")


def _outcome(case: Callable[[], Any]) -> BaseException | None:
    try:
        case()
    except BaseException as error:
        return error
    return None


def _is_the_program(top: str, names: list[str], program: Space) -> bool:
    """Whether test code means the program by the module `top`: one that is not installed and has what is taken."""
    if top == "pytest" or top in sys.stdlib_module_names:
        return False
    if top not in ("solution", "__main__") and importlib.util.find_spec(top) is not None:
        return False
    return top in _OF_THE_PROGRAM or not names or any(name in program for name in names)


def _import_usual(names: list[str], space: Space) -> None:
    """Modules of the library that test code uses without importing them: the program might have."""
    for name in names:
        module = _USUAL.get(name, name)
        if name not in space and (module in sys.stdlib_module_names or module in _USUAL.values()):
            with contextlib.suppress(ImportError):
                space[name] = importlib.import_module(module)


def _run_method(space: Space, owner: type, method: str) -> None:
    one = owner()
    if not hasattr(owner, "_class_is_set_up"):
        owner._class_is_set_up = True  # type: ignore[attr-defined]
        getattr(owner, "setup_class", lambda: None)()
    _optional(getattr(one, "setup_method", None), method)
    try:
        _run_function(space, getattr(one, method), one)
    finally:
        _optional(getattr(one, "teardown_method", None), method)


def _optional(function: Any, argument: Any) -> None:
    if function is not None:
        function(*([argument] if inspect.signature(function).parameters else []))


def _run_function(space: Space, function: Any, owner: Any) -> None:
    """A test function with each set of its parameters, given the fixtures that it names."""
    if getattr(function, SKIPPED, False):
        raise Skipped("marked to be skipped")
    for given in _parameter_sets(function):
        with contextlib.ExitStack() as stack:
            made = _Fixtures(space, owner, stack)
            for name in made.used_by_all():
                made.value(name)
            wanted = [name for name in _parameters(function) if name not in given]
            arguments = {**{name: made.value(name) for name in wanted}, **given}
            try:
                _awaited(function(**arguments))
            except Exception:
                if not getattr(function, FAILING, False):
                    raise


def _parameters(function: Any) -> list[str]:
    found = inspect.signature(function).parameters.values()
    return [one.name for one in found if one.default is one.empty and one.kind in (0, 1, 3)]


def _parameter_sets(function: Any) -> Iterator[dict[str, Any]]:
    marks = [_named(names, values) for names, values in getattr(function, PARAMETERS, [])]
    for chosen in itertools.product(*marks):
        yield {name: value for one in chosen for name, value in one.items()}


def _named(names: Any, values: Any) -> list[dict[str, Any]]:
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    return [dict(zip(names, [value] if len(names) == 1 else value, strict=True)) for value in values]


def _awaited(value: Any) -> Any:
    if inspect.iscoroutine(value):
        import asyncio

        return asyncio.run(value)
    return value


class _Fixtures:
    """The fixtures of one test: those of the test code, of its class, and pytest's own."""

    def __init__(self, space: Space, owner: Any, stack: contextlib.ExitStack):
        self._space, self._owner, self._stack = space, owner, stack
        self._made: dict[str, Any] = {}

    def used_by_all(self) -> list[str]:
        members = {name: getattr(self._owner, name, None) for name in dir(self._owner)} if self._owner else {}
        both = {**self._space, **members}
        functions = {name: one for name, one in both.items() if inspect.isroutine(one)}
        return [name for name, one in functions.items() if getattr(one, FIXTURE, {}).get("autouse")]

    def value(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Any:
        function = getattr(self._owner, name, None) or self._space.get(name)
        if function is None or not hasattr(function, FIXTURE):
            return self._stack.enter_context(pytest_names.provided(name))
        if "params" in getattr(function, FIXTURE):
            raise NotHere(f"the tests need the parameters of the fixture {name!r}")
        value = function(**{one: self.value(one) for one in _parameters(function)})
        if inspect.isgenerator(value):
            first = next(value)
            self._stack.callback(lambda: next(value, None))
            return first
        return value


def not_to_blame(error: BaseException, unit: TestUnit, program: str) -> str:
    """What a test that did not pass lacks, if the program (its file is `program`) has no part in it; else ""."""
    if any(path == program for path, _ in _places(error)):
        return ""
    if isinstance(error, NotHere):
        return str(error)
    if isinstance(error, (Skipped, unittest.SkipTest)) and "skip" in unit.code:
        return f"the test is skipped: {error}"
    if isinstance(error, ModuleNotFoundError):
        return f"the tests need the module {error.name!r}"
    return ""


def reason_of(error: BaseException, unit: TestUnit) -> str:
    """One line for a test that failed: the error, or the assertion that did not hold where it says nothing itself."""
    ours = [number for path, number in _places(error) if path == unit.path]
    if isinstance(error, AssertionError) and not error.args and ours:
        return f"AssertionError: {linecache.getline(unit.path, ours[-1]).strip()}"[:300]
    return describe(error)


def _places(error: BaseException) -> list[tuple[str, int]]:
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return places
