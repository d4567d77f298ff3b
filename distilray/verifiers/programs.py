"""Code: does a Python program pass its tests? Run in the sandbox, judged outside it.

References, in the forms that data sets use:
  [{"input": "1 2", "output": "3"}, ...]                                    a script between stdin and stdout
  [{"function": "add", "args": [1, 2], "expected": 3}, ...]                 function calls (`kwargs` too)
  {"inputs": [...], "outputs": [...], "fn_name": "add"}                     APPS, LiveCodeBench (no fn_name: stdin)
  {"prompt": "def f...", "test": "def check(candidate)...", "entry_point"}  HumanEval
  ["assert add(1, 2) == 3", ...], {"test_list": [...]} or "assert ..."      MBPP, or any test code
"""

from __future__ import annotations

import json
import math
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distilray.verifiers.sandbox.client import RunResult, Sandbox
from distilray.verifiers.sandbox.limits import Limits
from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

_FENCE = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
TOTAL_S = 60.0
_RESTARTS = 3
_WHY = {
    "time": "ran out of time",
    "memory": "used too much memory",
    "disk": "wrote too much",
    "output": "wrote endless output",
    "signal": "was killed",
}


@dataclass(frozen=True)
class Tests:
    """A reference, read: `form` names the sandbox's job (see sandbox/guest.py), `tests` its parts."""

    form: str  # "script", "calls" or "asserts"
    tests: list[dict[str, Any]]
    prefix: str = ""  # a prompt that a completion continues
    entry_point: str = ""


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
    result is not wanted.
    """
    tests = read_tests(reference)
    if tests is None or not tests.tests:
        return undecided("the reference holds no tests")
    tests = replace(tests, prefix=prompt or tests.prefix, entry_point=entry_point or tests.entry_point)
    program = program_in(answer, tests.prefix, tests.entry_point)
    if not program.strip():
        return undecided("no program in the answer")
    limits = Limits(wall_s=timeout_s, cpu_s=math.ceil(timeout_s), memory_mb=memory_mb)
    until = time.monotonic() + total_s
    if tests.form == "script":
        results = _run_script(sandbox, program, tests, limits, until, stop_at_first)
    else:
        results = _run_parts(sandbox, program, tests, limits, until)
    return _verdict(results)


def code_deadline_s(settings: Mapping[str, Any]) -> float:
    """Seconds after which a check with these settings has certainly ended: its tests keep their own time."""
    return settings.get("total_s", TOTAL_S) + 2 * settings.get("timeout_s", 10.0) + 10.0


def _verdict(results: list[str]) -> Verdict:
    """`results`: per test "" for passed, else why not."""
    passed = sum(not result for result in results)
    detail = {
        "passed": passed,
        "tests": [{"passed": not result, **({"reason": result} if result else {})} for result in results],
    }
    if passed == len(results):
        return right(f"passes {passed} of {len(results)} tests", **detail)
    first = next(result for result in results if result)
    return wrong(f"passes {passed} of {len(results)} tests: {shorten(first, 120)}", **detail)


def program_in(answer: str, prefix: str = "", entry_point: str = "") -> str:
    """The program that a reply offers: its last Python fence (the one that defines `entry_point`), or the reply itself.
    What does not define `entry_point` is taken as a continuation of `prefix`, a prompt that ends in a signature."""
    _, closed, after = answer.rpartition("</think>")
    text = after if closed and after.strip() else answer
    fences = [body for language, body in _FENCE.findall(text) if language.lower() in ("", "py", "python", "python3")]
    program = text
    if fences:
        defining = [body for body in fences if entry_point and re.search(rf"\bdef\s+{re.escape(entry_point)}\b", body)]
        program = (defining or fences)[-1]
    defines = entry_point and re.search(rf"(?m)^(?:async\s+)?def\s+{re.escape(entry_point)}\b", program)
    if prefix and not defines:
        return prefix + program if prefix.endswith("\n") or program.startswith("\n") else prefix + "\n" + program
    return program if not prefix else _imports_of(prefix) + program


def _imports_of(prompt: str) -> str:
    """A prompt's own imports and helpers before the last function: a rewritten solution may rely on them."""
    head = prompt[: prompt.rfind("\ndef ") + 1] if "\ndef " in prompt else ""
    try:
        compile(head, "prompt", "exec")
    except SyntaxError:
        return ""
    return head


def read_tests(reference: Any) -> Tests | None:
    """A reference in any of the forms above; None for anything else."""
    if isinstance(reference, str):
        stripped = reference.strip()
        if stripped[:1] in "[{" and stripped:
            try:
                return read_tests(json.loads(stripped))
            except ValueError:
                pass  # test code may begin with a bracket as well
        return Tests("asserts", [{"code": reference}]) if stripped else None
    if isinstance(reference, Mapping):
        return _from_mapping(reference)
    if isinstance(reference, Sequence):
        return _from_list(list(reference))
    return None


def _from_mapping(row: Mapping[str, Any]) -> Tests | None:
    if "test" in row:
        entry = row.get("entry_point", "")
        code = row["test"] + (f"\n\ncheck({entry})\n" if entry and "def check(" in row["test"] else "")
        return Tests("asserts", [{"code": code}], row.get("prompt", ""), entry)
    if "inputs" in row and "outputs" in row:
        function = row.get("fn_name")
        pairs = zip(row["inputs"], row["outputs"], strict=True)
        if function:
            return Tests("calls", [_call(function, given, wanted) for given, wanted in pairs], entry_point=function)
        return Tests("script", [{"input": _text(given), "output": _text(wanted)} for given, wanted in pairs])
    for name in ("test_list", "tests"):
        if name in row:
            return read_tests(row[name])
    if "input" in row or "function" in row:
        return _from_list([row])
    return None


def _call(function: str, given: Any, wanted: Any) -> dict[str, Any]:
    """Arguments are a list (APPS) or one JSON value a line (LiveCodeBench); APPS may wrap the expected in a list."""
    if isinstance(given, str):
        given = [json.loads(line) for line in given.splitlines() if line.strip()]
        wanted = json.loads(wanted) if isinstance(wanted, str) else wanted
    return {"function": function, "args": given, "kwargs": {}, "expected": wanted, "wrapped": True}


def _from_list(tests: list[Any]) -> Tests | None:
    if tests and all(isinstance(test, str) for test in tests):
        return Tests("asserts", [{"code": test} for test in tests])
    if not all(isinstance(test, Mapping) for test in tests):
        return None
    if tests and all("function" in test for test in tests):
        calls = [{"args": [], "kwargs": {}, **test} for test in tests]
        return Tests("calls", calls, entry_point=tests[0]["function"])
    if all("output" in test for test in tests):
        return Tests(
            "script", [{"input": _text(test.get("input", "")), "output": _text(test["output"])} for test in tests]
        )
    return None


def _text(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _run_script(sandbox: Sandbox, program: str, tests: Tests, limits: Limits, until: float, stop: bool) -> list[str]:
    results: list[str] = []
    for test in tests.tests:
        if (stop and any(results)) or time.monotonic() > until:
            results.append("not run" if stop and any(results) else "not run: out of time for all tests")
            continue
        run = sandbox.run({"form": "script", "program": program}, stdin=test["input"], limits=limits)
        if run.ended != "exit" or run.code:
            results.append(_failure(run))
        elif same_output(run.stdout, test["output"]):
            results.append("")
        else:
            results.append(f"printed {shorten(run.stdout)!r}, expected {shorten(test['output'])!r}")
    return results


def _run_parts(sandbox: Sandbox, program: str, tests: Tests, limits: Limits, until: float) -> list[str]:
    """Calls or asserts, in one process as long as it lives; after a test that ends it, the rest get a new one."""
    token = secrets.token_hex(16)
    results: list[str | None] = [None] * len(tests.tests)
    for _ in range(_RESTARTS):
        waiting = [position for position, result in enumerate(results) if result is None]
        if not waiting or time.monotonic() > until:
            break
        run = sandbox.run(_job(program, tests, waiting, token), limits=limits)
        for message in run.results:
            position = message.get("test")
            if isinstance(position, int) and position in waiting and results[position] is None:
                results[position] = _judge(message, tests, position, token)
        broken = next(
            (message["error"] for message in run.results if "error" in message and "test" not in message), None
        )
        if broken is not None:
            return [f"the program fails: {broken}"] * len(results)
        open_ones = [position for position in waiting if results[position] is None]
        if open_ones:
            results[open_ones[0]] = _failure(run)
    return [
        "not run: too many tests ended the process or took too long" if result is None else result for result in results
    ]


def _job(program: str, tests: Tests, waiting: list[int], token: str) -> dict[str, Any]:
    if tests.form == "calls":
        calls = [(p, {name: tests.tests[p][name] for name in ("function", "args", "kwargs")}) for p in waiting]
        return {"form": "calls", "program": program, "calls": calls}
    return {
        "form": "asserts",
        "program": program,
        "token": token,
        "asserts": [(p, tests.tests[p]["code"]) for p in waiting],
    }


def _judge(message: dict[str, Any], tests: Tests, position: int, token: str) -> str:
    if "error" in message:
        return str(message["error"])
    if tests.form == "asserts":
        return "" if message.get("passed") == token else "the test's result was forged"
    test = tests.tests[position]
    value = _decoded(message.get("value"))
    expected = test["expected"]
    if same_value(value, expected):
        return ""
    if test.get("wrapped") and isinstance(expected, list) and len(expected) == 1 and same_value(value, expected[0]):
        return ""
    given = ", ".join(map(repr, test["args"]))
    return (
        f"{test['function']}({shorten(given)}) gave {shorten(repr(value))}, expected {shorten(repr(test['expected']))}"
    )


def _failure(run: RunResult) -> str:
    if run.ended in _WHY:
        return _WHY[run.ended] + (f" (signal {run.code - 128})" if run.ended == "signal" else "")
    errors = [message["error"] for message in run.results if "error" in message]
    last = str(errors[-1]) if errors else shorten(run.stderr[-200:])
    return f"exit status {run.code}" + (f": {last}" if last else "")


def _decoded(value: Any) -> Any:
    """guest.py's encoding as Python values; tuples become lists, as JSON tests cannot tell them apart."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict):
        if "tuple" in value:
            return [_decoded(item) for item in value["tuple"]]
        if "set" in value:
            return {_hashable(_decoded(item)) for item in value["set"]}
        if "dict" in value:
            return {_hashable(_decoded(key)): _decoded(item) for key, item in value["dict"]}
        return f"<{value.get('repr')}>"
    return value


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def same_value(value: Any, expected: Any) -> bool:
    """Equality as test data means it: tuples are lists, JSON's string keys match numbers, floats agree to 1e-6."""
    if isinstance(expected, tuple):
        expected = list(expected)
    if isinstance(value, set):
        return isinstance(expected, (set, frozenset, list)) and value == {_hashable(item) for item in expected}
    if isinstance(value, float) or isinstance(expected, float):
        numbers = (int, float)
        return (
            isinstance(value, numbers)
            and isinstance(expected, numbers)
            and (value == expected or math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-9))
        )
    if isinstance(expected, list):
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(same_value(a, b) for a, b in zip(value, expected, strict=True))
        )
    if isinstance(expected, Mapping):
        if not isinstance(value, dict) or len(value) != len(expected):
            return False
        by_name = {str(key): item for key, item in value.items()}
        return all(str(key) in by_name and same_value(by_name[str(key)], item) for key, item in expected.items())
    return type(value) in (type(expected), bool, int) and value == expected


def same_output(printed: str, expected: str) -> bool:
    """Equal line by line except for space at line ends and blank last lines; or word by word, floats to 1e-6."""
    lines, wanted = ([line.rstrip() for line in text.rstrip().splitlines()] for text in (printed, expected))
    if lines == wanted:
        return True
    if len(lines) != len(wanted):
        return False
    return all(_same_line(one.split(), other.split()) for one, other in zip(lines, wanted, strict=True))


def _same_line(words: list[str], wanted: list[str]) -> bool:
    return len(words) == len(wanted) and all(
        one == other or _same_float(one, other) for one, other in zip(words, wanted, strict=True)
    )


def _same_float(one: str, other: str) -> bool:
    if "." not in other or not re.fullmatch(r"-?\d*\.?\d+(?:[eE][+-]?\d+)?", one):
        return False
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False
