"""Code: does a Python program pass its tests? Run in the sandbox, judged outside it.

    verdict = verify_now("code", "```python\\ndef add(a, b):\\n    return a + b\\n```", ["assert add(1, 2) == 3"])

References are read by coding/references.py (its docstring lists their forms), the program is found in the reply by
coding/selection.py. A reference without a test that can fail decides nothing.
"""

from __future__ import annotations

import ast
import builtins
import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from distilray.verifiers.coding.comparing import decoded, same_output, same_value
from distilray.verifiers.coding.fences import parse
from distilray.verifiers.coding.hardening import compiled
from distilray.verifiers.coding.names import Module
from distilray.verifiers.coding.references import Tests, read_tests
from distilray.verifiers.coding.selection import Wanted, code_of_prompt, function_of_prompt, program_in
from distilray.verifiers.coding.testcode import TestCode
from distilray.verifiers.sandbox.client import RunResult, Sandbox
from distilray.verifiers.sandbox.limits import Limits
from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

TOTAL_S = 60.0
_RESTARTS = 3
_OUTPUT_KB = 4096
_WHY = {
    "time": "ran out of time",
    "memory": "used too much memory",
    "disk": "wrote too much",
    "output": "wrote endless output",
    "signal": "was killed",
}
BUILTINS = frozenset(dir(builtins))
_NO_TEST = "the reference holds no runnable test"


@dataclass(frozen=True)
class _Result:
    """What came of one test: passed or not, or None where it could not be run as it stands."""

    passed: bool | None
    reason: str = ""


_PASSED = _Result(True)


def verify_code(
    answer: str,
    reference: Any,
    *,
    sandbox: Sandbox,
    prompt: str = "",
    entry_point: str = "",
    timeout_s: float = 10.0,
    total_s: float = TOTAL_S,
    memory_mb: int = 1024,
    stop_at_first: bool = False,
) -> Verdict:
    """Run `answer`'s program against every test; right if all pass. `detail["tests"]` has each test's result.

    `timeout_s` is per test, `total_s` for all of them. `stop_at_first` ends at the first failure, if a partial
    result is not wanted. Undecided without a test that can fail, without a program, and where tests need what is not
    there (a package, a fixture).
    """
    try:
        tests = read_tests(reference)
    except (ValueError, TypeError, KeyError) as error:
        return undecided(f"the reference cannot be read: {shorten(error, 120)}")
    if tests is None or not tests.tests:
        return undecided(_NO_TEST)
    prefix = code_of_prompt(prompt or tests.prefix)
    entry = entry_point or tests.entry_point or (function_of_prompt(prefix) if tests.form == "asserts" else "")
    tests = replace(tests, prefix=prefix, entry_point=entry)
    program = program_in(answer, prefix, entry, _wanted(tests))
    if not program.strip():
        return undecided("no program in the answer")
    tests, problem = _fitted(tests, program)
    if problem:
        return undecided(problem)
    limits = Limits(wall_s=timeout_s, cpu_s=math.ceil(timeout_s), memory_mb=memory_mb, output_kb=_OUTPUT_KB)
    until = time.monotonic() + total_s
    if tests.form == "script":
        results = _run_script(sandbox, program, tests, limits, until, stop_at_first)
    else:
        results = _run_parts(sandbox, program, tests, limits, until)
    return _verdict(results)


def code_deadline_s(settings: Mapping[str, Any]) -> float:
    """Seconds after which a check with these settings has certainly ended: its tests keep their own time."""
    return settings.get("total_s", TOTAL_S) + 2 * settings.get("timeout_s", 10.0) + 10.0


def _wanted(tests: Tests) -> Wanted:
    script = tests.form == "script"
    names = {tests.entry_point.rstrip("() ").rpartition(".")[2], *tests.names} - {""}
    return Wanted(tuple(sorted(names)), script, script and any(test["input"].strip() for test in tests.tests))


def _fitted(tests: Tests, program: str) -> tuple[Tests, str]:
    """Tests for this program: the function that `check(candidate)` takes is found, and something of the program is
    tested at all. Else says what is missing."""
    if tests.form != "asserts":
        return tests, ""
    tree = parse(program)
    module = Module(program, tree) if tree is not None else None
    takes = "candidate" in tests.names or any(test["kind"] == "candidate" for test in tests.tests)
    if takes and not tests.entry_point and module is not None:
        called = {name for one in module.functions for name in _called_by(module, one)}
        free = [name for name in module.functions if name not in called] or module.functions
        if len(free) != 1 and len(module.functions) != 1:
            return tests, f"the reference does not say which of {', '.join(module.functions) or 'no functions'} to test"
        tests = replace(tests, entry_point=(free if len(free) == 1 else module.functions)[0])
    shadowing = BUILTINS & (module.defines.keys() if module is not None else set())
    if takes or tests.names or any(name in unit.code for unit in tests.units for name in (*shadowing, "solution")):
        return tests, ""
    return tests, f"{_NO_TEST} of the program"


def _called_by(module: Module, function: str) -> set[str]:
    node = next(node for node in module.tree.body if getattr(node, "name", "") == function)
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - {function}


def _verdict(results: list[_Result]) -> Verdict:
    passed = sum(result.passed is True for result in results)
    detail = {
        "passed": passed,
        "tests": [
            {"passed": result.passed, **({"reason": result.reason} if result.reason else {})} for result in results
        ],
    }
    said = f"passes {passed} of {len(results)} tests"
    failed = next((result for result in results if result.passed is False), None)
    if failed is not None:
        return wrong(f"{said}: {shorten(failed.reason, 120)}", **detail)
    unclear = next((result for result in results if result.passed is None), None)
    if unclear is not None:
        return undecided(f"{said}: {shorten(unclear.reason, 120)}", **detail)
    return right(said, **detail)


def _run_script(
    sandbox: Sandbox, program: str, tests: Tests, limits: Limits, until: float, stop: bool
) -> list[_Result]:
    results: list[_Result] = []
    for test in tests.tests:
        failed = any(result.passed is False for result in results)
        if (stop and failed) or time.monotonic() > until:
            results.append(_Result(False, "not run" if stop and failed else "not run: out of time for all tests"))
            continue
        most = replace(limits, output_kb=max(_OUTPUT_KB, len(test["output"]) >> 8))  # four times what is expected
        run = sandbox.run({"form": "script", "program": program}, stdin=test["input"], limits=most)
        if run.ended != "exit" or run.code:
            results.append(_Result(False, _failure(run)))
        elif same_output(run.stdout, test["output"]):
            results.append(_PASSED)
        else:
            results.append(_Result(False, f"printed {shorten(run.stdout)!r}, expected {shorten(test['output'])!r}"))
    return results


def _run_parts(sandbox: Sandbox, program: str, tests: Tests, limits: Limits, until: float) -> list[_Result]:
    """Calls or asserts, in one process as long as it lives; after a test that ends it, the rest get a new one."""
    token = secrets.token_hex(16)
    results: list[_Result | None] = [None] * len(tests.tests)
    for _ in range(_RESTARTS):
        waiting = [position for position, result in enumerate(results) if result is None]
        if not waiting or time.monotonic() > until:
            break
        run = sandbox.run(_job(program, tests, waiting, token), limits=limits)
        for message in run.results:
            position = message.get("test")
            if isinstance(position, int) and position in waiting and results[position] is None:
                results[position] = _judge(message, tests, position, token)
        broken = next((message for message in run.results if "test" not in message), None)
        if broken is not None:
            return [_of_all(broken, token)] * len(results)
        open_ones = [position for position in waiting if results[position] is None]
        if open_ones:
            results[open_ones[0]] = _Result(False, _failure(run))
    late = _Result(False, "not run: too many tests ended the process or took too long")
    return [late if result is None else result for result in results]


def _of_all(message: dict[str, Any], token: str) -> _Result:
    """A failure before the first test: of the program, or of the tests' own preparations."""
    if message.get("undecided") == token:
        return _Result(None, str(message["reason"]))
    return _Result(False, f"the program fails: {message.get('error', '')}")


def _job(program: str, tests: Tests, waiting: list[int], token: str) -> dict[str, Any]:
    if tests.form == "calls":
        calls = [(p, {name: tests.tests[p][name] for name in ("function", "args", "kwargs")}) for p in waiting]
        return {"form": "calls", "program": program, "calls": calls}
    tree = parse(program)
    module = Module(program, tree) if tree is not None else None
    return {
        "form": "asserts",
        "program": program,
        "token": token,
        "entry_point": tests.entry_point,
        "guarded": module is None or module.may_replace,
        "setup": tests.setup,
        "units": [_unit(f"tests {number}", unit, module, tests.entry_point) for number, unit in enumerate(tests.units)],
        "cases": [(p, tests.tests[p]["unit"], tests.tests[p]["kind"], tests.tests[p]["name"]) for p in waiting],
    }


def _unit(path: str, unit: TestCode, module: Module | None, entry: str) -> dict[str, Any]:
    defined = module.defines.keys() if module is not None else set()
    shadows = set() if unit.names & defined else BUILTINS & defined
    return {
        "path": path,
        "code": unit.code,
        "compiled": compiled(unit.code, path, frozenset({entry, *shadows})),
        "imports": unit.imports,
        "names": sorted(unit.names),
        "prepares": not unit.cases,
    }


def _judge(message: dict[str, Any], tests: Tests, position: int, token: str) -> _Result:
    if message.get("undecided") == token:
        return _Result(None, str(message["reason"]))
    if "error" in message:
        return _Result(False, str(message["error"]))
    if tests.form == "asserts":
        return _PASSED if message.get("passed") == token else _Result(False, "the test's result was forged")
    test = tests.tests[position]
    expected = test["expected"]
    try:
        value = decoded(message.get("value"))
        single = test.get("wrapped") and isinstance(expected, list) and len(expected) == 1
        if same_value(value, expected) or (single and same_value(value, expected[0])):
            return _PASSED
        shown = shorten(repr(value))
    except (RecursionError, TypeError):
        shown = "a value that cannot be compared"
    given = ", ".join(map(repr, test["args"]))
    return _Result(False, f"{test['function']}({shorten(given)}) gave {shown}, expected {shorten(repr(expected))}")


def _failure(run: RunResult) -> str:
    if run.ended in _WHY:
        return _WHY[run.ended] + (f" (signal {run.code - 128})" if run.ended == "signal" else "")
    errors = [message["error"] for message in run.results if "error" in message]
    last = str(errors[-1]) if errors else shorten(run.stderr[-200:])
    return f"exit status {run.code}" + (f": {last}" if last else "")
