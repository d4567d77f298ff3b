"""Which part of a reply is the program: replies in the styles of models, each with a right and with a wrong program."""

from __future__ import annotations

import textwrap

import pytest

from distilray.verifiers import verify_now
from distilray.verifiers.coding.fences import blocks_of
from distilray.verifiers.coding.selection import Wanted, joined, program_in

TESTS = ["assert gap([4, 9, 1]) == 8", "assert gap([2]) == 0"]
GAP = "def gap(xs):\n    return max(xs) - min(xs)\n"
STALE = "def gap(xs):\n    return 0\n"


def indented(code: str, by: str) -> str:
    return textwrap.indent(code, by)


REPLIES = {
    "code alone": GAP,
    "a fence": f"Here it is:\n\n```python\n{GAP}```\nDone.",
    "python3": f"```python3\n{GAP}```",
    "py in capitals": f"```Py\n{GAP}```",
    "no language": f"```\n{GAP}```",
    "a language with attributes": f"```{{.python .numberLines}}\n{GAP}```",
    "a language with a file": f'```python:solution.py title="solution.py"\n{GAP}```',
    "text as the language": f"```text\n{GAP}```",
    "tildes": f"~~~python\n{GAP}~~~",
    "four backticks": f"````python\n{GAP}````",
    "after a colon": f"Answer: ```python\n{GAP}```",
    "after a colon without a language": f"The code:```\n{GAP}```",
    "the last fence on the last line": f"```python\n{GAP.rstrip()}```",
    "line ends of Windows": f"```python\n{GAP}```".replace("\n", "\r\n"),
    "a byte-order mark": "\ufeff" + GAP,
    "a whole reply in a fence": f"```markdown\n# Solution\n```python\n{GAP}```\n```",
    "in a list": f"1. Write:\n   ```python\n{indented(GAP, '   ')}   ```\n2. Try:\n   ```python\n"
    f"   print(gap([1]))\n   ```",
    "in a list in a list": f"- a\n  - b\n\n      ```python\n{indented(GAP, '      ')}      ```\n",
    "right after a list's mark": f"- ```python\n{indented(GAP, '  ')}  ```\n",
    "indented with tabs": f"\t```python\n{indented(GAP, chr(9))}\t```\n",
    "in a quotation": f"> ```python\n{textwrap.indent(GAP, '> ')}> ```",
    "unclosed": f"Here:\n```python\n{GAP}",
    "unclosed, then prose": f"Here:\n```python\n{GAP}\nThis takes linear time.\n",
    "a fence in a docstring": '```python\ndef gap(xs):\n    """Gap.\n\n    ```\n    gap([1]) == 0\n    ```\n    """\n'
    "    return max(xs) - min(xs)\n```\nDone.",
    "a Python fence in a docstring": '```python\ndef gap(xs):\n    """Gap.\n\n```python\ngap([1])\n```\n    """\n'
    "    return max(xs) - min(xs)\n```\n```text\n8\n```",
    "a fence in a string": f'```python\nNOTE = """\n```\n{STALE}```\n"""\n{GAP}```',
    "an example of use": f"```python\n{GAP}```\n```python\nprint(gap([4, 9, 1]))\n```\n```\n8\n```",
    "an example with variables": f"```python\n{GAP}```\n```python\nxs = [1, 2]\nresult = gap(xs)\nprint(result)\n```",
    "an example that fails": f"```python\n{GAP}```\n```python\nassert gap([]) == 0\n```",
    "tests of its own": f"```python\n{GAP}```\n```python\nimport unittest\nfrom solution import gap\n"
    "class T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(gap([1]), 0)\nunittest.main()\n```",
    "printed output": f"```python\n{GAP}```\n```\n(8, 0)\n```\n```\nResult: 8\n```\n```\nNone\n```",
    "a session": f"```python\n{GAP}```\n```python\n>>> gap([4, 9, 1])\n8\n```\n```pycon\n>>> gap([2])\n0\n```",
    "a traceback": f'```python\n{GAP}```\n```\nTraceback (most recent call last):\n  File "a.py"\nValueError: x\n```',
    "commands": f"```bash\npip install x\n```\n```python\n{GAP}```\n```bash\npython solution.py\n```",
    "other languages": f"```javascript\nfunction gap(xs) {{ return 0 }}\n```\n```python\n{GAP}```\n```java\n"
    f"int gap() {{}}\n```",
    "pseudocode first": f"```\nfunction gap(xs)\n  return max - min\n```\n```python\n{GAP}```",
    "a helper first": "```python\ndef low(xs):\n    return min(xs)\n```\n"
    "```python\ndef gap(xs):\n    return max(xs) - low(xs)\n```",
    "a helper last": "```python\ndef gap(xs):\n    return max(xs) - low(xs)\n```\nwhere\n"
    "```python\ndef low(xs):\n    return min(xs)\n```",
    "a chain of helpers": "```python\nimport operator as o\n```\n```python\ndef less(a, b):\n"
    "    return o.sub(a, b)\n```\n"
    "```python\ndef gap(xs):\n    return less(max(xs), min(xs))\n```\n```python\nprint(gap([1]))\n```",
    "a class as a helper": "```python\nclass Low:\n    def of(self, xs): return min(xs)\n```\n"
    "```python\ndef gap(xs):\n    return max(xs) - Low().of(xs)\n```\n```python\nprint(gap([1, 2]))\n```",
    "a constant as a helper": "```python\nNOUGHT = 0\n```\n```python\ndef gap(xs):\n"
    "    return max(xs) - min(xs) + NOUGHT\n```",
    "imports apart": "```python\nimport math\nfrom functools import reduce\n```\n"
    "```python\ndef gap(xs):\n    return reduce(max, xs) - math.floor(min(xs))\n```",
    "a future import further down": "```python\nimport math\n```\n```python\nfrom __future__ import annotations\n"
    "def gap(xs: Missing):\n    return max(xs) - math.floor(min(xs))\n```",
    "corrected": f"```python\n{STALE}```\nWait, that is wrong. Here is the fixed version:\n```python\n{GAP}```",
    "corrected in a part": "```python\ndef low(xs):\n    return 1000\ndef gap(xs):\n    return max(xs) - low(xs)\n```\n"
    "Fix it:\n```python\ndef low(xs):\n    return min(xs)\n```",
    "another program last, with a helper of the same name": "```python\ndef low(xs):\n    return min(xs)\n"
    "def gap(xs):\n    return max(xs) - low(xs)\n```\nFor medians:\n```python\ndef low(xs):\n    return sorted(xs)[1]\n"
    "def middle(xs):\n    return low(xs)\n```",
    "a placeholder last": f"```python\n{GAP}```\nThe signature again:\n```python\ndef gap(xs):\n    ...\n```",
    "a fragment last": f"```python\n{GAP}```\nThe key line:\n```python\n    return max(xs) - min(xs)\n```",
    "a notebook's commands": f"```python\n%matplotlib inline\n!pip install numpy\n{GAP}```",
    "a lambda": "```python\ngap = lambda xs: max(xs) - min(xs)\n```",
    "after reasoning": f"<think>Maybe\n```python\n{STALE}```\n</think>\n```python\n{GAP}```",
    "prose without a fence": f"Here is the function:\n\n{GAP}\nThis takes linear time.",
    "prose and imports without a fence": "We subtract. In Python:\n\nfrom functools import reduce\n\n"
    "def gap(xs):\n    return reduce(max, xs) - min(xs)\n\nIt works because of that.",
    "Chinese prose without a fence": f"函数如下：\n\n{GAP}\n时间复杂度是线性的。",
    "code that is only indented": f"Here it is:\n\n{indented(GAP, '    ')}\nDone.",
    "tags around it": f"[BEGIN]\n{GAP}[DONE]\n",
    "an answer's tags": f"I think so.\n<answer>\n{GAP}</answer>",
    "the language without its fence": f"python\n{GAP}",
    "inline code": "Use `def gap(xs): return max(xs) - min(xs)` for it.",
    "no Python fence, the code outside": f"{GAP}\nIt prints:\n\n```text\n8\n```\n",
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_the_program_of_a_reply(reply: str):
    verdict = verify_now("code", reply, TESTS)
    assert verdict.right is True, verdict.reason


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_a_wrong_program_in_the_same_reply(reply: str):
    spoilt = reply.replace("max(xs)", "max(xs) + 1").replace("reduce(max, xs)", "reduce(max, xs) + 1")
    verdict = verify_now("code", spoilt, TESTS)
    assert verdict.right is False, verdict.reason


def test_the_last_complete_definition_wins_even_if_it_is_wrong():
    assert verify_now("code", f"```python\n{GAP}```\nBetter:\n```python\n{STALE}```", TESTS).right is False


def test_code_that_breaks_off_is_no_shorter_program():
    assert verify_now("code", f"```python\n{GAP}\n\nprint(gap([1,", TESTS).right is False
    assert verify_now("code", f"{GAP}\n\nprint(gap([1,", TESTS).right is False


SUM = "import sys\nprint(sum(map(int, sys.stdin.read().split())))\n"
SCRIPTS = {
    "alone": f"```python\n{SUM}```",
    "an example of a run": f"```python\n{SUM}```\n```bash\n$ python solution.py\n```\n```\n1 2\n3\n```",
    "an example of use": "```python\ndef total(text):\n    return sum(map(int, text.split()))\n\n"
    "print(total(input()))\n```\n"
    "For example:\n```python\nprint(total('1 2 3'))\n```",
    "functions first": "```python\ndef total(text):\n    return sum(map(int, text.split()))\n```\nThe main part:\n"
    "```python\nprint(total(input()))\n```",
    "a main function": "```python\ndef main():\n    print(sum(map(int, input().split())))\n```\nCall it:\n"
    "```python\nmain()\n```",
    "a fragment last": f"```python\n{SUM}```\nThe input is read by\n```python\nsys.stdin.read()\n```",
    "corrected": f"```python\nprint(0 * int(input()[0]))\n```\nNo:\n```python\n{SUM}```",
    "open(0)": "```python\nprint(sum(map(int, open(0).read().split())))\n```\n```python\nprint('tests passed')\n```",
}


@pytest.mark.parametrize("reply", SCRIPTS.values(), ids=SCRIPTS)
def test_the_script_of_a_reply(reply: str):
    verdict = verify_now("code", reply, [{"input": "1 2\n", "output": "3\n"}, {"input": "5 6\n", "output": "11"}])
    assert verdict.right is True, verdict.reason


def test_a_script_without_input_is_the_one_that_prints():
    reply = "```python\nprint('hello')\n```\nTo read a name instead:\n```python\nprint('hello', input())\n```"
    assert verify_now("code", reply, [{"input": "", "output": "hello"}]).right is True


PROMPT = "from typing import List\n\n\ndef low(xs):\n    return min(xs)\n\n\ndef gap(xs: List[int]) -> int:\n"
'    """Gap."""\n'
HUMANEVAL = {
    "prompt": PROMPT,
    "test": "def check(candidate):\n    assert candidate([4, 9, 1]) == 8\n",
    "entry_point": "gap",
}


@pytest.mark.parametrize(
    "reply",
    [
        "    return max(xs) - low(xs)\n",
        "```python\n    return max(xs) - low(xs)\n```",
        "```python\nreturn max(xs) - low(xs)\n```",
        "```python\ndef gap(xs: List[int]) -> int:\n    return max(xs) - low(xs)\n```",
        "```python\nfrom __future__ import annotations\ndef gap(xs: List[int]) -> int:\n"
        "    return max(xs) - low(xs)\n```",
        "    gap = max(xs)\n    return gap - low(xs)\n",
        PROMPT + "    return max(xs) - low(xs)\n",
        f"```python\n{PROMPT}    return max(xs) - low(xs)\n```\n```python\nprint(gap([1, 2]))\n```",
    ],
)
def test_a_prompt_is_continued_or_rewritten(reply: str):
    assert verify_now("code", reply, HUMANEVAL).right is True
    assert verify_now("code", reply.replace("max(xs)", "sum(xs)"), HUMANEVAL).right is False


def test_a_prompt_in_words_is_no_part_of_the_program():
    assert verify_now("code", GAP, TESTS, prompt="Write a function gap(xs).").right is True
    asked = f"Complete:\n```python\n{PROMPT}```\n"
    assert verify_now("code", "```python\n    return max(xs) - low(xs)\n```", TESTS, prompt=asked).right is True


def test_joined_parts_have_their_future_imports_on_top():
    program = joined(["import math\n", "from __future__ import annotations\nx: int = 1\n"])
    assert program.startswith("from __future__ import annotations\n")
    compile(program, "program", "exec")


def test_blocks_keep_their_language_and_lose_the_indentation_of_their_fence():
    reply = "1. a\n   ~~~~Python3\n   def f():\n       return 1\n   ~~~~\n```text\nout\n```"
    assert [(block.language, block.text) for block in blocks_of(reply)] == [
        ("python3", "def f():\n    return 1"),
        ("text", "out"),
    ]


def test_without_tests_the_last_definition_is_the_program():
    reply = f"```python\n{STALE}```\n```python\n{GAP}```\n```python\nprint(gap([1]))\n```"
    assert program_in(reply, wanted=Wanted()) == GAP.rstrip("\n")
