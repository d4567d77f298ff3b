"""References of code tasks as data sets write them, and what is no reference."""

from __future__ import annotations

import json

import pytest

from distilray.verifiers import verify_now
from distilray.verifiers.coding.references import read_tests, row_reference

ADD = "def add(a, b):\n    return a + b\n"
SCRIPT = "a, b = map(int, input().split())\nprint(a + b)\n"
CASES = [{"input": "1 2\n", "output": "3\n"}, {"input": "5 6", "output": "11"}]

FUNCTIONS = {
    "a list of assertions": ["assert add(1, 2) == 3"],
    "the same as JSON": json.dumps(["assert add(1, 2) == 3"]),
    "one text": "assert add(1, 2) == 3\nassert add(0, 0) == 0\n",
    "lines of one piece": ["for n in range(3):", "    assert add(n, 1) == n + 1"],
    "set-up between assertions": ["x = add(1, 2)", "assert x == 3"],
    "MBPP": {"test_list": ["assert add(1, 2) == 3"], "test_setup_code": "", "challenge_test_list": []},
    "MBPP with imports": {"test_imports": ["import math"], "test_list": ["assert math.isclose(add(1, 2), 3)"]},
    "MBPP with set-up": {"test_setup_code": "one = add(0, 1)", "test_list": ["assert add(one, 2) == 3"]},
    "set-up that defines": {"test_setup_code": "class One:\n    n = 1", "test_list": ["assert add(One.n, 2) == 3"]},
    "HumanEval": {"prompt": "", "test": "def check(f):\n    assert f(1, 2) == 3\n", "entry_point": "add"},
    "APPS": {"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"},
    "APPS as one JSON text": {"input_output": json.dumps({"inputs": [[1, 2]], "outputs": [[3]], "fn_name": "add"})},
    "LiveCodeBench": {
        "public_test_cases": json.dumps([{"input": "1\n2", "output": "3", "testtype": "functional"}]),
        "metadata": {"func_name": "add"},
    },
    "calls": [{"function": "add", "args": [1], "kwargs": {"b": 2}, "expected": 3}],
}
SCRIPTS = {
    "cases": CASES,
    "cases as JSON": json.dumps(CASES),
    "one case": CASES[0],
    "lists": {"inputs": ["1 2", "5 6\n"], "outputs": ["3", "11\n"]},
    "lines in lists": {"inputs": [["1 2"], ["5 6"]], "outputs": [["3"], ["11"]]},
    "CodeContests": {
        "public_tests": {"input": ["1 2"], "output": ["3"]},
        "private_tests": {"input": ["5 6"], "output": ["11"]},
    },
    "LiveCodeBench": {"public_test_cases": json.dumps([{**case, "testtype": "stdin"} for case in CASES])},
    "test cases": {"test_cases": CASES},
}


@pytest.mark.parametrize("reference", FUNCTIONS.values(), ids=FUNCTIONS)
def test_references_of_functions(reference: object):
    right, wrong = (verify_now("code", program, reference) for program in (ADD, ADD.replace("+", "-")))
    assert right.right is True, right.reason
    assert wrong.right is False, wrong.reason


@pytest.mark.parametrize("reference", SCRIPTS.values(), ids=SCRIPTS)
def test_references_of_scripts(reference: object):
    right, wrong = (verify_now("code", program, reference) for program in (SCRIPT, SCRIPT.replace("+ b", "- b")))
    assert right.right is True, right.reason
    assert wrong.right is False, wrong.reason


def test_challenge_tests_count():
    row = {"test_list": ["assert add(1, 2) == 3"], "challenge_test_list": ["assert add(2, 2) == 4"]}
    verdict = verify_now("code", "def add(a, b):\n    return 3\n", row)
    assert (verdict.right, verdict.detail["passed"], len(verdict.detail["tests"])) == (False, 1, 2)


def test_set_up_may_build_on_the_program():
    node = "class Node:\n    def __init__(self, value):\n        self.value = value\n"
    program = node + "def add(a, b):\n    return a.value + b\n"
    row = {"test_setup_code": "node = Node(1)", "test_list": ["assert add(node, 2) == 3"]}
    assert verify_now("code", program, row).right is True


def test_a_program_may_build_on_the_set_up():
    program = "def add(a: Node, b):\n    return a.value + b\n"
    row = {"test_setup_code": "class Node:\n    value = 1", "test_list": ["assert add(Node(), 2) == 3"]}
    assert verify_now("code", program, row).right is True


@pytest.mark.parametrize(
    "reference",
    [None, "", "  ", [], {}, {"test_list": []}, {"test_list": None}, 7, [None], [1, 2], {"a": 1}, [{"a": 1}],
     {"inputs": ["1"], "outputs": []}, {"inputs": "1 2", "outputs": "3"},
     {"inputs": ["x"], "outputs": ["1"], "fn_name": "f"},
     {"test": None}, {"test": "# nothing"}, {"test_imports": ["import math"]}, ["import math", "x = 1"]],
)  # fmt: skip
def test_what_is_no_reference_decides_nothing(reference: object):
    assert verify_now("code", ADD, reference).right is None


def test_a_set_up_that_needs_what_is_not_there_decides_nothing():
    row = {"test_imports": ["import a_package_that_is_not_there"], "test_list": ["assert add(1, 2) == 3"]}
    verdict = verify_now("code", ADD, row)
    assert verdict.right is None
    assert "a_package_that_is_not_there" in verdict.reason


def test_forms_of_one_row_are_kept_apart():
    tests = read_tests({"test_list": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"], "test_imports": "import math"})
    assert tests is not None
    assert (tests.form, len(tests.tests), tests.setup) == ("asserts", 2, ("import math",))


def test_a_row_of_a_data_set_is_a_reference():
    row = {"answer": ADD, "prompt": "Add.", "test_imports": ["import math"], "test_list": ["assert add(1, 2) == 3"]}
    assert row_reference(row, None) == {name: row[name] for name in ("prompt", "test_imports", "test_list")}
    assert row_reference(row, ["assert add(1, 2) == 3"]) == {
        "tests": ["assert add(1, 2) == 3"],
        "test_imports": ["import math"],
    }
    assert row_reference({"answer": ADD, "outputs": ["a", "b"]}, None) is None
    assert row_reference({"answer": ADD}, CASES) == CASES
