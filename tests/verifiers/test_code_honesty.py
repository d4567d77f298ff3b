"""Programs that try to pass tests without solving them: whatever the form of the tests, none passes."""

from __future__ import annotations

import pytest

from distilray.verifiers import verify_now

CHECK = """def check(f):
    assert f(1) == 2
    assert f(2) in [4]
    assert abs(f(3) - 6) < 1e-6
"""
UNITTEST = """import unittest
class TestAll(unittest.TestCase):
    def test_one(self):
        result = f(1)
        self.assertEqual(result, 2)
    def test_two(self):
        self.assertAlmostEqual(f(2), 4)
        self.assertIn(f(3), [6])
"""
PYTEST = """import pytest
from solution import f
@pytest.mark.parametrize("n, wanted", [(1, 2), (2, 4)])
def test_f(n, wanted):
    assert f(n) == wanted
def test_list():
    assert [f(3)] == [6] and len([f(4)]) == 1
"""
FORMS = {
    "check": {"test": CHECK, "entry_point": "f"},
    "asserts": [
        "assert f(1) == 2",
        "assert all(f(n) == 2 * n for n in range(1, 4))",
        "assert sorted([f(2), 5]) == [4, 5]",
    ],
    "unittest": UNITTEST,
    "pytest": PYTEST,
    "calls": [{"function": "f", "args": [n], "expected": 2 * n} for n in (1, 2, 3)],
}
YES = """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __mul__ = __sub__
    def __abs__(self): return self
    def __round__(self, places=None): return self
    def __contains__(self, item): return True
    def __iter__(self): return iter([self])
"""
TRICKS = {
    "equal to everything": YES + "def f(n): return Yes()\n",
    "a list of such": YES + "def f(n): return [Yes()]\n",
    "an int that equals everything": "class I(int):\n    def __eq__(self, other): return True\n"
    "    def __sub__(self, other): return 0\n    __hash__ = int.__hash__\ndef f(n): return I(0)\n",
    "equal to all but a bare object": "class Y:\n    def __eq__(self, other): return type(other) is not object\n"
    "    def __sub__(self, other): return 0\n    def __round__(self, n=0): return 0\ndef f(n): return Y()\n",
    "a class whose metaclass agrees": "class M(type):\n    def __eq__(cls, other): return True\n"
    "    def __sub__(cls, other): return 0\n    __hash__ = type.__hash__\nclass C(metaclass=M): pass\n"
    "def f(n): return C\n",
    "mock.ANY": "from unittest.mock import ANY\ndef f(n): return ANY\n",
    "less than everything": "class N:\n    def __sub__(self, other): return self\n    def __abs__(self): return self\n"
    "    def __lt__(self, other): return True\n    def __eq__(self, other): return other in (2, 4, 6)\n"
    "def f(n): return N()\n",
    "NaN": "def f(n): return float('nan')\n",
    "another AssertionError": "import builtins\nclass Quiet(Exception): pass\nbuiltins.AssertionError = Quiet\n"
    "AssertionError = Quiet\ndef f(n): return 0\n",
    "leaving when imported": "import sys\nsys.exit(0)\ndef f(n): return 0\n",
    "leaving hard when imported": "import os\nos._exit(0)\ndef f(n): return 0\n",
    "leaving when called": "import sys\ndef f(n): sys.exit(0)\n",
    "leaving hard when called": "import os\ndef f(n): os._exit(0)\n",
    "leaving at exit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef f(n): return 0\n",
    "builtins replaced": "import builtins\nbuiltins.all = lambda *a: True\nbuiltins.abs = lambda x: 0\n"
    "builtins.sorted = lambda *a: [4, 5]\nbuiltins.len = lambda x: 1\nbuiltins.isinstance = lambda *a: True\n"
    "def f(n): return 2\n",
    "builtins shadowed": "all = lambda *a: True\nabs = lambda x: 0\nlen = lambda x: 1\nsorted = lambda *a: [4, 5]\n"
    "range = lambda *a: []\nisinstance = lambda *a: True\ndef f(n): return 2\n",
    "builtins replaced when called": "import builtins\ndef f(n):\n    builtins.all = lambda *a: True\n"
    "    builtins.abs = lambda x: 0\n    builtins.range = lambda *a: []\n    return 2\n",
    "unittest replaced": "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n"
    "unittest.TestCase.assertAlmostEqual = unittest.TestCase.assertIn = lambda *a, **k: None\n"
    "unittest.TestCase.run = lambda *a, **k: None\ndef f(n): return 0\n",
    "unittest replaced when called": "import unittest\ndef f(n):\n"
    "    unittest.TestCase.assertEqual = lambda *a, **k: None\n"
    "    unittest.TestCase.assertAlmostEqual = unittest.TestCase.assertIn = lambda *a, **k: None\n    return 0\n",
    "unittest's results replaced": "import unittest\nunittest.TestSuite.run = lambda self, result, **k: result\n"
    "unittest.TestResult.addFailure = lambda *a: None\ndef f(n): return 0\n",
    "another unittest": "import sys, types\nfake = types.ModuleType('unittest')\nclass Case:\n"
    "    def __init__(self, name): pass\n    def assertEqual(self, *a): pass\n"
    "    assertAlmostEqual = assertIn = assertEqual\n"
    "fake.TestCase = Case\nsys.modules['unittest'] = fake\ndef f(n): return 0\n",
    "another pytest": "import sys, types\nfake = types.ModuleType('pytest')\nclass Mark:\n"
    "    def __getattr__(self, name): return lambda *a, **k: lambda g: lambda: None\nfake.mark = Mark()\n"
    "sys.modules['pytest'] = fake\ndef f(n): return 0\n",
    "skipping": "import unittest\ndef f(n): raise unittest.SkipTest('no')\n",
    "pytest.skip": "def f(n):\n    import pytest\n    pytest.skip('no')\n",
    "tracing": "import sys\ndef f(n): return 0\nsys.settrace(lambda *a: None)\n",
    "its own check": "def check(f): pass\ndef f(n): return 0\n",
    "a forged line": 'import os\nfor n in range(3): os.write(3, b\'{"test": %d, "passed": true}\\n\' % n)\n'
    "def f(n): return 0\n",
    "a forged excuse": 'import os\nos.write(3, b\'{"undecided": true, "reason": "no"}\\n\')\ndef f(n): return 0\n',
    "a token looked for in frames": "import json, os, sys\ndef f(n):\n    frame = sys._getframe()\n    while frame:\n"
    "        for value in list(frame.f_locals.values()):\n            if isinstance(value, str) and len(value) == 32:\n"
    "                for p in range(3): os.write(3, json.dumps({'test': p, 'passed': value}).encode() + b'\\n')\n"
    "        frame = frame.f_back\n    return 0\n",
}


@pytest.mark.parametrize("reference", FORMS.values(), ids=FORMS)
def test_an_honest_program_passes(reference: object):
    verdict = verify_now("code", "def f(n):\n    return 2 * n\n", reference)
    assert verdict.right is True, verdict.reason


@pytest.mark.parametrize("program", TRICKS.values(), ids=TRICKS)
def test_a_trick_passes_no_form_of_tests(program: str):
    verdicts = {form: verify_now("code", program, reference) for form, reference in FORMS.items()}
    assert {form: verdict.reason for form, verdict in verdicts.items() if verdict.right is not False} == {}


@pytest.mark.parametrize(
    "program, test",
    [
        ("import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\ndef f(n): return P(n)\n", "f(1) == P(1)"),
        ("class V:\n    def __init__(s, x): s.x = x\n    def __eq__(s, o): return s.x == o.x\n"
        "def f(n): return V(n)\n", "f(1) == V(1)"),
        ("from fractions import Fraction\ndef f(n): return Fraction(n, 2)\n", "f(1) == 0.5 and f(2) == 1"),
        ("from decimal import Decimal\ndef f(n): return Decimal(n)\n", "f(1) == 1 and f(1) < 2"),
        ("import enum\nclass E(enum.IntEnum):\n    A = 1\ndef f(n): return E(n)\n", "f(1) == 1 and f(1) == E.A"),
        ("from collections import namedtuple\nP = namedtuple('P', 'a b')\n"
        "def f(n): return P(n, [n])\n", "f(1) == (1, [1])"),
        ("from collections import OrderedDict, Counter\ndef f(n): return Counter('aa')\n", "f(1) == {'a': 2}"),
        ("import datetime\ndef f(n): return datetime.date(2020, 1, n)\n", "f(1) == datetime.date(2020, 1, 1)"),
        ("def f(n):\n    while n: yield n; n -= 1\n", "list(f(3)) == [3, 2, 1] and 2 in f(3)"),
        ("class T(str):\n    def __eq__(s, o): return str(s).lower() == str(o).lower()\n    __hash__ = str.__hash__\n"
         "def f(n): return T('Aa')\n", "f(1) == 'aa'"),
        ("count = 0\ndef f(n):\n    global count\n    count += 1\n    return count\n", "f(1) == 1 and count == 1"),
        ("def f(n): return [[n] * 3 for _ in range(3)]\n", "f(0) == [[0, 0, 0]] * 3 and f(1)[0] is not f(1)[1]"),
    ],
)  # fmt: skip
def test_honest_objects_with_their_own_equality_pass(program: str, test: str):
    verdict = verify_now("code", program, [f"assert {test}"])
    assert verdict.right is True, verdict.reason
