"""Real worked solutions, their result stated in many ways, right and with one digit changed; and the cases of users'
reports, where they are at hand."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache

import pytest

from distilray.verifiers import verify_now
from tests.support.recorded_data import SHARED, rows

pytestmark = pytest.mark.slow

STYLES: dict[str, Callable[[str, str], str]] = {
    "A:": lambda work, result: f"{work}\nA: {result}",
    "Answer": lambda work, result: f"{work}\nAnswer {result}",
    "Answer:": lambda work, result: f"{work}\n\nAnswer: {result}",
    "equals sign": lambda work, result: f"{work}\nTotal = {result}",
    "bold": lambda work, result: f"{work}\n**{result}**",
    "bold label": lambda work, result: f"{work}\n\n**Answer: ${result}**",
    "box": lambda work, result: f"{work}\n$\\boxed{{{result}}}$",
    "hashes": lambda work, result: f"{work}\n#### {result}",
    "sentence": lambda work, result: f"{work}\nTherefore, the answer is {result}.",
    "things": lambda work, result: f"{work}\nSo there are {result} of them left.",
    "heading": lambda work, result: f"{work}\n\n### Final Answer\n{result}",
    "display": lambda work, result: f"{work}\n\\[ \\text{{Total}} = {result} \\]",
    "formula": lambda work, result: f"{work}\nSo the total is ${result}$.",
    "cents": lambda work, result: f"{work}\nThe total is ${result}.00.",
    "json": lambda work, result: json.dumps({"reasoning": work, "answer": result}),
    "tag": lambda work, result: f"<think>{work}</think><answer>{result}</answer>",
    "euros": lambda work, result: f"{work}\nFinal answer: €{result}",
    "dollars": lambda work, result: f"{work}\nFinal answer: {result} USD",
    "escaped": lambda work, result: f"{work}\nFinal answer: \\${result}",
    "Chinese": lambda work, result: f"{work}\n答案是{result}",
    "Chinese label": lambda work, result: f"{work}\n答：一共{result}元。",
}


@cache
def solutions() -> list[tuple[str, str]]:
    """Worked solutions without their result's line, and the result as digits."""
    found = []
    for row in rows("instructions/gsm8k/train.jsonl"):
        work, _, result = row["answer"].rpartition("####")
        work = re.sub("<<.*?>>", "", work).strip()
        if "answer" not in work.lower():  # a few solutions are about answers, and say how many there are
            found.append((work, result.strip().replace(",", "")))
    return found


def changed(result: str, draw: random.Random) -> str:
    place = draw.choice([at for at, here in enumerate(result) if here.isdigit()])
    digits = [digit for digit in "0123456789" if digit != result[place] and (place or digit != "0")]
    return result[:place] + draw.choice(digits) + result[place + 1 :]


@pytest.mark.parametrize("style", STYLES)
def test_a_stated_result_is_judged_by_what_it_is(style: str):
    draw = random.Random(style)
    state = STYLES[style]
    problems = draw.sample(solutions(), 1500)
    agreed = 0
    for work, result in problems:
        other = changed(result, draw)
        agreed += verify_now("math", state(work, result), result).right is True
        agreed += verify_now("math", state(work, other), result).right is (float(other) == float(result))
    assert agreed / (2 * len(problems)) >= 0.998


@pytest.mark.parametrize("case", ["01-tiny-fractions", "12-nan", "21-dollars-are-money"])
def test_maths_of_the_reports(case: str):
    judge_report(case)


@pytest.mark.parametrize("case", ["03-boxed-formula-then-letter", "04-options-are-numbers"])
def test_choices_of_the_reports(case: str):
    judge_report(case)


def judge_report(case: str) -> None:
    folder = SHARED / "field-reports" / case
    if not folder.exists():
        pytest.skip(f"needs field-reports/{case} below {SHARED} (set DISTILRAY_SHARED)")
    wanted = json.loads((folder / "expected.json").read_text("utf-8"))
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text("utf-8").splitlines()]
    letters = {True: "r", False: "w", None: "u"}
    for pair, allowed in zip(pairs, wanted["lines"], strict=True):
        settings = {"options": pair["options"]} if "options" in pair else {}
        verdict = verify_now(wanted["kind"], pair["answer"], pair["reference"], **settings)
        assert letters[verdict.right] in allowed, (pair, verdict)
