"""References of code tasks, in the forms that data sets use, read into tests.

[{"input": "1 2", "output": "3"}, ...]                                    a script between stdin and stdout
[{"function": "add", "args": [1, 2], "expected": 3}, ...]                 function calls (`kwargs` too)
{"inputs": [...], "outputs": [...], "fn_name": "add"}                     APPS, LiveCodeBench (no fn_name: stdin)
{"input": [...], "output": [...]}                                         CodeContests
{"prompt": "def f...", "test": "def check(candidate)...", "entry_point"}  HumanEval, BigCodeBench (unittest)
["assert add(1, 2) == 3", ...], {"test_list": [...], "test_imports"}      MBPP, or any test code (pytest, unittest)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distilray.verifiers.coding.fences import blocks_of
from distilray.verifiers.coding.testcode import TestCode, read_test_code

_ASSERTS = ("test_list", "challenge_test_list", "tests", "test_cases", "assertions", "unit_tests", "test_code")
_SETUP = ("test_imports", "imports", "test_setup_code", "setup_code")
_NESTED = (
    "input_output",
    "public_test_cases",
    "private_test_cases",
    "public_tests",
    "private_tests",
    "generated_tests",
)
_FUNCTION = ("fn_name", "func_name", "entry_point", "function_name")


@dataclass(frozen=True)
class Tests:
    """A reference, read: `form` names the sandbox's job (see sandbox/guest.py), `tests` its parts.

    In the form "asserts", a test is {"unit": n, "kind": ..., "name": ...}: a case of the n-th of `units`.
    """

    form: str  # "script", "calls" or "asserts"
    tests: list[dict[str, Any]]
    prefix: str = ""  # a prompt that a completion continues
    entry_point: str = ""
    units: tuple[TestCode, ...] = ()
    setup: tuple[str, ...] = ()  # code that runs before the tests: imports, objects

    @property
    def names(self) -> frozenset[str]:
        """What the tests need of a program, among other names."""
        functions = {test["function"].rpartition(".")[2] for test in self.tests if "function" in test}
        return frozenset().union(functions, *(unit.names for unit in self.units))


def read_tests(reference: Any) -> Tests | None:
    """A reference in any of the forms above; None for anything else. Raises ValueError where it contradicts itself."""
    if isinstance(reference, str):
        stripped = reference.strip()
        if stripped[:1] in "[{" and stripped:
            try:
                return read_tests(json.loads(stripped))
            except ValueError:
                pass  # test code may begin with a bracket as well
        return _asserts([reference]) if stripped else None
    if isinstance(reference, Mapping):
        return _from_mapping(reference)
    if isinstance(reference, Sequence):
        return _from_list(list(reference))
    return None


def row_reference(row: Mapping[str, Any], reference: Any) -> Any:
    """The reference of a row of a data set of code: ``reference``, if it has one, with the row's own set-up; else the
    fields that hold tests. None without any."""
    setup = {name: row[name] for name in _SETUP if row.get(name)}
    if reference is not None:
        return {"tests": reference, **setup} if setup and not isinstance(reference, Mapping) else reference
    paired = ("inputs", "outputs") if row.get("inputs") and row.get("outputs") else ()
    tests = {name: row[name] for name in ("test", *_ASSERTS, *_NESTED, *paired) if row.get(name)}
    around = {name: row[name] for name in ("prompt", "metadata", *_FUNCTION) if row.get(name)}
    return {**tests, **setup, **around} if tests else None


def _from_mapping(row: Mapping[str, Any]) -> Tests | None:
    entry = str(_first(row, _FUNCTION) or "")
    setup = tuple(code for name in _SETUP for code in _codes(row.get(name)))
    if "test" in row and not isinstance(row["test"], Mapping):
        found = read_tests(row["test"])
    elif "inputs" in row and "outputs" in row:
        found = _pairs(row["inputs"], row["outputs"], entry)
    elif isinstance(row.get("input"), list) and isinstance(row.get("output"), list):
        found = _pairs(row["input"], row["output"], entry)
    elif "input" in row or "function" in row or "output" in row:
        found = _from_list([row])
    else:
        found = _together(
            [read_tests(_with_entry(row[name], entry)) for name in (*_ASSERTS, *_NESTED) if row.get(name)]
        )
    if found is None:
        return None
    prefix = str(row.get("prompt") or "")
    return replace(found, prefix=prefix, entry_point=entry or found.entry_point, setup=(*setup, *found.setup))


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    inner = row.get("metadata")
    rows = (row, inner) if isinstance(inner, Mapping) else (row,)
    return next((one[name] for one in rows for name in names if one.get(name)), None)


def _codes(value: Any) -> list[str]:
    codes = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [code for code in codes if isinstance(code, str) and code.strip()]


def _with_entry(tests: Any, entry: str) -> Any:
    """Tests of a row whose function's name stands beside them."""
    if isinstance(tests, str):
        try:
            tests = json.loads(tests)
        except ValueError:
            return tests
    if entry and isinstance(tests, Mapping):
        return {"fn_name": entry, **tests}
    if entry and isinstance(tests, list):
        return [{"fn_name": entry, **one} if isinstance(one, Mapping) else one for one in tests]
    return tests


def _together(found: list[Tests | None]) -> Tests | None:
    """The tests that a row holds under several names, if they are of one form."""
    kept = [tests for tests in found if tests is not None and tests.tests]
    if not kept or len({tests.form for tests in kept}) > 1:
        return kept[0] if kept else next((tests for tests in found if tests is not None), None)
    units: list[TestCode] = []
    parts: list[dict[str, Any]] = []
    for tests in kept:
        parts += [{**test, "unit": test["unit"] + len(units)} if "unit" in test else test for test in tests.tests]
        units += tests.units
    setup = tuple(code for tests in kept for code in tests.setup)
    return replace(kept[0], tests=parts, units=tuple(units), setup=setup)


def _pairs(given: Any, wanted: Any, function: str) -> Tests:
    if isinstance(given, str) or isinstance(wanted, str) or len(given) != len(wanted):
        raise ValueError("its inputs and outputs are not two lists of one length")
    if function:
        calls = [_call(function, one, other) for one, other in zip(given, wanted, strict=True)]
        return Tests("calls", calls, entry_point=function)
    return Tests(
        "script", [{"input": _text(one), "output": _text(other)} for one, other in zip(given, wanted, strict=True)]
    )


def _call(function: str, given: Any, wanted: Any) -> dict[str, Any]:
    """Arguments are a list (APPS) or one JSON value a line (LiveCodeBench); APPS may wrap the expected in a list."""
    if isinstance(given, str):
        given = [json.loads(line) for line in given.splitlines() if line.strip()]
        wanted = json.loads(wanted) if isinstance(wanted, str) else wanted
    return {"function": function, "args": given, "kwargs": {}, "expected": wanted, "wrapped": True}


def _from_list(tests: list[Any]) -> Tests | None:
    if tests and all(isinstance(test, str) for test in tests):
        return _asserts(tests)
    if not all(isinstance(test, Mapping) for test in tests):
        return None
    if tests and all("function" in test and "expected" in test for test in tests):
        calls = [{"args": [], "kwargs": {}, **test} for test in tests]
        return Tests("calls", calls, entry_point=tests[0]["function"])
    if not all("output" in test for test in tests):
        return None
    function = _first(tests[0], _FUNCTION) if tests else None
    if function and all(test.get("testtype") == "functional" for test in tests):
        return _pairs([test.get("input", "") for test in tests], [test["output"] for test in tests], str(function))
    return Tests("script", [{"input": _text(test.get("input", "")), "output": _text(test["output"])} for test in tests])


def _text(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _asserts(codes: Sequence[str]) -> Tests | None:
    """Test code, whole or in pieces that run one after another. None if it is not Python."""
    units = [read_test_code(_unfenced(code)) for code in codes if code.strip()]
    if any(unit is None for unit in units):
        units = [read_test_code("\n".join(codes))]  # lines of one piece
    kept = [unit for unit in units if unit is not None]
    if len(kept) < len(units):
        return None
    tests = [
        {"unit": place, "kind": kind, "name": name} for place, unit in enumerate(kept) for kind, name in unit.cases
    ]
    return Tests("asserts", tests, units=tuple(kept))


def _unfenced(code: str) -> str:
    """Test code that a model wrote may stand in a fence."""
    blocks = blocks_of(code) if code.lstrip().startswith(("```", "~~~")) else []
    return "\n\n".join(block.text for block in blocks) or code
