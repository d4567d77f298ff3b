"""Code: the forms of tests, partial results, and programs that try to pass without solving."""

from __future__ import annotations

from distilray.verifiers import verify_now
from distilray.verifiers.programs import program_in, same_output, same_value

CALLS = [{"function": "add", "args": [n, 1], "expected": n + 1} for n in range(4)]
GOOD = "def add(a, b):\n    return a + b\n"


def test_function_calls_pass():
    verdict = verify_now("code", GOOD, CALLS)
    assert (verdict.right, verdict.detail["passed"]) == (True, 4)


def test_partial_results_say_which_test_failed():
    verdict = verify_now("code", "def add(a, b):\n    return 1 if a == 0 else 2\n", CALLS)
    assert verdict.right is False
    assert [test["passed"] for test in verdict.detail["tests"]] == [True, True, False, False]


def test_a_hanging_call_costs_its_own_test():
    verdict = verify_now("code", "def add(a, b):\n    while a == 1: pass\n    return a + b\n", CALLS, timeout_s=2.0)
    assert [test["passed"] for test in verdict.detail["tests"]] == [True, False, True, True]
    assert verdict.detail["tests"][1]["reason"] == "ran out of time"


def test_leaving_the_process_in_a_call_costs_its_own_test():
    program = "import os\ndef add(a, b):\n    if a == 1: os._exit(0)\n    return a + b\n"
    verdict = verify_now("code", program, CALLS)
    assert [test["passed"] for test in verdict.detail["tests"]] == [True, False, True, True]


def test_a_script_is_judged_by_its_output():
    tests = [{"input": "1 2\n", "output": "3"}, {"input": "5 5\n", "output": "10\n"}, {"input": "0 0", "output": "1"}]
    verdict = verify_now("code", "```python\na, b = map(int, input().split())\nprint(a + b)\n```", tests)
    assert [test["passed"] for test in verdict.detail["tests"]] == [True, True, False]


def test_apps_form_with_and_without_a_function():
    assert verify_now("code", GOOD, {"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"}).right is True
    assert verify_now("code", "print(input()[::-1])", {"inputs": ["abc"], "outputs": ["cba"]}).right is True


def test_livecodebench_arguments_come_one_a_line():
    program = "class Solution:\n    def pair(self, xs, n):\n        return [xs[0], n]\n"
    assert (
        verify_now("code", program, {"inputs": ["[1, 2]\n7"], "outputs": ["[1, 7]"], "fn_name": "pair"}).right is True
    )


def test_mbpp_asserts_are_counted_one_by_one():
    verdict = verify_now("code", GOOD, ["assert add(1, 2) == 3", "assert add(1, 2) == 4"])
    assert (verdict.right, verdict.detail["passed"]) == (False, 1)


def test_humaneval_completions_continue_their_prompt():
    problem = {"prompt": "def add(a, b):\n", "test": "def check(f):\n    assert f(1, 2) == 3\n", "entry_point": "add"}
    assert verify_now("code", "    return a + b\n", problem).right is True
    assert verify_now("code", "```python\ndef add(a, b):\n    return a + b\n```", problem).right is True
    assert verify_now("code", "    return a - b\n", problem).right is False


def test_leaving_early_does_not_pass_a_test():
    problem = {"prompt": "", "test": "def check(f):\n    assert f(1) == 2\n", "entry_point": "f"}
    for trick in ("import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"):
        assert verify_now("code", f"def f(n):\n    {trick}\n", problem).right is False
        assert verify_now("code", f"{trick}\ndef f(n): pass\n", problem).right is False


def test_forged_results_do_not_pass_a_test():
    forged = """
import os
os.write(3, b'{"test": 0, "passed": true}\\n{"test": 0, "value": 99}\\n')
def f(n): return 1
"""
    assert verify_now("code", forged, ["assert f(1) == 2"]).right is False
    assert verify_now("code", forged, [{"function": "f", "args": [1], "expected": 2}]).right is False


def test_an_object_that_claims_to_equal_everything_does_not_pass_a_call():
    program = "class Yes:\n    def __eq__(self, other): return True\ndef f(n): return Yes()\n"
    assert verify_now("code", program, [{"function": "f", "args": [1], "expected": 2}]).right is False


def test_expected_values_are_not_in_the_programs_reach():
    program = """
import gc
def f(n):
    return "found" if any(o == 987654321 for o in gc.get_objects() if isinstance(o, int)) or any(
        987654321 in d.values() for d in gc.get_objects() if type(d) is dict
    ) else "safe"
"""
    verdict = verify_now("code", program, [{"function": "f", "args": [1], "expected": 987654321}])
    assert "'safe'" in verdict.reason


def test_a_program_that_does_not_compile_fails_every_test():
    verdict = verify_now("code", "def add(a, b:\n", CALLS)
    assert verdict.right is False
    assert "SyntaxError" in verdict.reason


def test_no_program_and_no_tests_are_undecided():
    assert verify_now("code", "  ", CALLS).right is None
    assert verify_now("code", GOOD, []).right is None
    assert verify_now("code", GOOD, None).right is None


def test_the_last_fence_that_defines_the_function_is_the_program():
    reply = "```python\ndef f():\n    return 1\n```\nUsage:\n```python\nprint(f())\n```"
    assert "return 1" in program_in(reply, entry_point="f")


def test_values_compare_as_test_data_means_it():
    assert same_value([1, 2], (1, 2))
    assert same_value({1: "a"}, {"1": "a"})
    assert same_value(0.1 + 0.2, 0.3)
    assert not same_value("1", 1)
    assert not same_value([1, 2], [2, 1])


def test_outputs_compare_but_for_space_and_rounding():
    assert same_output("1 2 \n3\n\n", "1 2\n3")
    assert same_output("0.3333333333", "0.33333333")
    assert not same_output("1\n2", "1 2")
    assert not same_output("10", "1 0")
