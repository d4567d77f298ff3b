"""Tests that nobody calls: each form passes a right program and fails a wrong one, or decides nothing."""

from __future__ import annotations

import pytest

from distilray.verifiers import verify_now
from distilray.verifiers.coding.testcode import read_test_code

RIGHT = "def area(w, h):\n    return w * h\n"
WRONG = "def area(w, h):\n    return w + h\n"

UNITTEST = """import unittest

class TestArea(unittest.TestCase):
    def test_small(self):
        self.assertEqual(area(3, 4), 12)
"""
RUNNABLE = {
    "unittest": UNITTEST,
    "unittest with its main": UNITTEST + "\nif __name__ == '__main__':\n    unittest.main()\n",
    "unittest with a bare main": UNITTEST + "\nunittest.main(argv=[''], exit=False)\n",
    "unittest with setUp and tearDown": """import unittest
class TestArea(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.width = 3
    def setUp(self):
        self.height = 4
    def test_small(self):
        self.assertEqual(area(self.width, self.height), 12)
""",
    "unittest with setUpModule": "import unittest\ndef setUpModule():\n    global given\n    given = (3, 4)\n"
    "class Area(unittest.TestCase):\n    def test_given(self):\n        self.assertEqual(area(*given), 12)\n",
    "unittest with a base of its own": """from unittest import TestCase
class Base(TestCase):
    def check(self, w, h, wanted):
        self.assertEqual(area(w, h), wanted)
class TestArea(Base):
    def test_small(self):
        self.check(3, 4, 12)
""",
    "unittest with subtests": """import unittest
class TestArea(unittest.TestCase):
    def test_all(self):
        for w, h, wanted in [(2, 2, 4), (3, 4, 12)]:
            with self.subTest(w=w):
                self.assertEqual(area(w, h), wanted)
""",
    "unittest with asynchronous tests": """import unittest
class TestArea(unittest.IsolatedAsyncioTestCase):
    async def test_small(self):
        self.assertEqual(area(3, 4), 12)
""",
    "unittest that expects an error": """import unittest
class TestArea(unittest.TestCase):
    def test_small(self):
        self.assertTrue(area(3, 4) == 12, "a message")
    def test_text(self):
        with self.assertRaises(TypeError):
            area("3", None)
""",
    "unittest with mock": """import unittest
from unittest.mock import patch
class TestArea(unittest.TestCase):
    @patch("builtins.print")
    def test_small(self, printed):
        print(area(3, 4))
        printed.assert_called_once_with(12)
""",
    "pytest function": "from solution import area\n\ndef test_small():\n    assert area(3, 4) == 12\n",
    "pytest function without an import": "def test_small():\n    assert area(3, 4) == 12\n",
    "import of the module": "import solution\n\ndef test_small():\n    assert solution.area(3, 4) == 12\n",
    "import under another name": "from my_area import area as a\n\ndef test_small():\n    assert a(3, 4) == 12\n",
    "import of everything": "from solution import *\n\ndef test_small():\n    assert area(3, 4) == 12\n",
    "relative import": "from .solution import area\n\ndef test_small():\n    assert area(3, 4) == 12\n",
    "pytest called by itself": "import pytest\ndef test_a():\n    assert area(3, 4) == 12\n\npytest.main([__file__])\n",
    "parametrize": """import pytest
@pytest.mark.parametrize("w, h, wanted", [(2, 2, 4), (3, 4, 12)])
def test_area(w, h, wanted):
    assert area(w, h) == wanted
""",
    "parametrize with ids and params": """import pytest
@pytest.mark.parametrize("given", [pytest.param((3, 4), id="small")])
@pytest.mark.parametrize("times", [1, 2])
def test_area(given, times):
    assert area(*given) * times == 12 * times
""",
    "pytest class": "class TestArea:\n    def setup_method(self):\n        self.w = 3\n"
    "    def test_small(self):\n        assert area(self.w, 4) == 12\n",
    "fixtures": """import pytest
@pytest.fixture
def sides():
    yield 3, 4
@pytest.fixture
def wanted(sides):
    return sides[0] * sides[1]
def test_small(sides, wanted):
    assert area(*sides) == wanted
""",
    "fixture used by all": """import pytest
given = []
@pytest.fixture(autouse=True)
def fill():
    given[:] = [3, 4]
def test_small():
    assert area(*given) == 12
""",
    "pytest's own fixtures": """def test_small(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda: "4")
    (tmp_path / "w").write_text("3")
    print(area(int((tmp_path / "w").read_text()), int(input())))
    assert capsys.readouterr().out == "12\\n"
""",
    "approx": "import pytest\ndef test_a():\n    assert area(0.1, 3) == pytest.approx(0.3)\n"
    "    assert [area(1, 1.0)] == pytest.approx([1.0])\n",
    "raises": "import pytest\ndef test_a():\n    with pytest.raises(TypeError, match='NoneType') as caught:\n"
    "        area(None, None)\n    assert 'None' in str(caught.value)\n    assert area(3, 4) == 12\n",
    "asynchronous function": "import pytest\n@pytest.mark.asyncio\nasync def test_a():\n    assert area(3, 4) == 12\n",
    "check without an entry point": "def check(candidate):\n    assert candidate(3, 4) == 12\n",
    "a bare candidate": "assert candidate(3, 4) == 12",
    "check that is called": "def check(candidate):\n    assert candidate(3, 4) == 12\n\ncheck(area)\n",
    "check called by a test": "def check(f):\n    assert f(3, 4) == 12\n\ndef test_check():\n    check(area)\n",
    "check with a helper": "def same(a, b):\n    if a != b:\n        raise ValueError((a, b))\n"
    "def check(candidate):\n    same(candidate(3, 4), 12)\n",
    "a function without parameters": "def run_tests():\n    assert area(3, 4) == 12\n    print('passed')\n",
    "a guard of the main module": "def run():\n    assert area(3, 4) == 12\nif __name__ == '__main__':\n    run()\n",
    "a loop": "for w, h, wanted in [(2, 2, 4), (3, 4, 12)]:\n    assert area(w, h) == wanted\n",
    "an exit status": "import sys\nif area(3, 4) != 12:\n    sys.exit(1)\n",
    "a module that nobody imported": "assert math.isclose(area(3.0, 4.0), 12)\n",
    "its own future import": "from __future__ import annotations\ndef f(x: Missing): ...\nassert area(3, 4) == 12\n",
    "a fence": "```python\nassert area(3, 4) == 12\n```",
}
UNDECIDED = {
    "a remark": "# see the sheet",
    "words": "see the sheet",
    "a docstring": '"""assert area(3, 4) == 12"""',
    "an assertion in a comment": "import math\n# assert area(3, 4) == 12\n",
    "a doctest in a docstring": 'def helper():\n    """\n    >>> area(3, 4)\n    12\n    """\n',
    "prints only": "print(area(3, 4))",
    "a test without an assertion": "def test_area():\n    area(3, 4)\n",
    "an empty class": "import unittest\nclass TestArea(unittest.TestCase):\n    pass\n",
    "a broken test": "assert area(3, 4 == 12",
    "nothing of the program": "assert 1 + 1 == 2",
    "a constant": "area\nassert True",
    "its own area": "def area(w, h):\n    return w * h\nassert area(3, 4) == 12\n",
    "a package that is not there": "import a_package_that_is_not_there as p\nassert p.close(area(3, 4), 12)\n",
    "the same inside a test": "def test_a():\n    from not_there_at_all import close\n"
    "    assert close(area(3, 4), 12)\n",
    "a fixture that is not there": "def test_a(database):\n    assert database.area == area(3, 4)\n",
    "parts of pytest that are not there": "import pytest\ndef test_a():\n"
    "    assert pytest.Session and area(3, 4) == 12\n",
    "a skipped test": "import pytest\n@pytest.mark.skip(reason='slow')\ndef test_a():\n    assert area(3, 4) == 12\n",
    "a skipped method": UNITTEST.replace("    def test", "    @unittest.skip('slow')\n    def test"),
}


@pytest.mark.parametrize("code", RUNNABLE.values(), ids=RUNNABLE)
def test_a_right_program_passes_and_a_wrong_one_fails(code: str):
    right, wrong = (verify_now("code", program, code) for program in (RIGHT, WRONG))
    assert right.right is True, right.reason
    assert wrong.right is False, wrong.reason


@pytest.mark.parametrize("code", UNDECIDED.values(), ids=UNDECIDED)
def test_without_a_runnable_test_nothing_is_decided(code: str):
    verdicts = [verify_now("code", program, code) for program in (RIGHT, WRONG)]
    assert [verdict.right for verdict in verdicts] == [None, None], [verdict.reason for verdict in verdicts]


def test_each_method_is_a_test_of_its_own():
    code = UNITTEST + "\n    def test_zero(self):\n        self.assertEqual(area(0, 4), 0)\n"
    verdict = verify_now("code", "def area(w, h):\n    return w * h if w else 1\n", code)
    assert [test["passed"] for test in verdict.detail["tests"]] == [True, False]


def test_a_hanging_method_costs_its_own_test():
    code = UNITTEST + "\n    def test_zero(self):\n        self.assertEqual(area(0, 4), 0)\n"
    program = "def area(w, h):\n    while w == 3: pass\n    return w * h\n"
    verdict = verify_now("code", program, code, timeout_s=2.0)
    assert [test["passed"] for test in verdict.detail["tests"]] == [False, True]


def test_a_missing_function_is_the_programs_fault():
    verdict = verify_now("code", "def surface(w, h):\n    return w * h\n", RUNNABLE["pytest function"])
    assert verdict.right is False
    assert "area" in verdict.reason


def test_which_function_check_takes_is_not_guessed():
    code = "def check(candidate):\n    assert candidate(3, 4) == 12\n"
    two = RIGHT + "\ndef volume(a, b, c):\n    return a * b * c\n"
    helped = "def times(a, b):\n    return a * b\n\ndef area(w, h):\n    return times(w, h)\n"
    assert verify_now("code", two, code).right is None
    assert verify_now("code", two, {"test": code, "entry_point": "area"}).right is True
    assert verify_now("code", two, {"test": code, "prompt": "def area(w, h):\n"}).right is True
    assert verify_now("code", helped, code).right is True


def test_a_method_can_be_the_entry_point():
    program = "class Solution:\n    def area(self, w, h):\n        return w * h\n"
    for entry in ("Solution().area", "Solution.area", "area"):
        reference = {"test": "def check(candidate):\n    assert candidate(3, 4) == 12\n", "entry_point": entry}
        assert verify_now("code", program, reference).right is True, entry


def test_a_function_under_test_may_have_a_builtins_name():
    assert verify_now("code", "def sum(a, b):\n    return a + b\n", ["assert sum(1, 2) == 3"]).right is True
    assert verify_now("code", "def sum(a, b):\n    return a - b\n", ["assert sum(1, 2) == 3"]).right is False


def test_what_code_can_fail_at_is_seen_without_running_it():
    read = read_test_code(RUNNABLE["unittest with a base of its own"])
    assert read is not None
    assert read.cases == (("unittest", "TestArea.test_small"),)
    assert "area" in read.names
