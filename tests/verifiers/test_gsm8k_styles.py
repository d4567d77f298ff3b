"""gsm8k's worked solutions with their results stated in many ways, right ones and with one digit changed: 99.8 % of the
verdicts must be those, undecided counting as neither."""

from __future__ import annotations

import json
import random
import re

import pytest

from distilray.verifiers import verify_now
from tests.support.recorded_data import rows

pytestmark = pytest.mark.slow

STYLES = {
    "A:": "{work}\nA: {result}",
    "Answer": "{work}\nAnswer {result}",
    "Answer:": "{work}\n\nAnswer: {result}",
    "hashes": "{work}\n#### {result}",
    "json": '{{"reasoning": "{work}", "answer": "{result}"}}',
    "euros": "{work}\nFinal answer: €{result}",
    "bold": "{work}\n**{result}**",
    "bold money": "{work}\n\n**Answer: ${result}**",
    "box": "{work}\n$\\boxed{{{result}}}$",
    "tag": "<think>{work}</think><answer>{result}</answer>",
    "sentence": "{work}\nTherefore, the answer is {result}.",
    "adverb": "{work}\nThe answer is therefore {result}.",
    "money": "{work}\nSo in total it comes to ${result}.",
    "cents": "{work}\nThe total is ${result}.00.",
    "unit": "{work}\nSo there are {result} of them left.",
    "equals": "{work}\nTotal = {result}",
    "display": "{work}\n\\[ \\text{{Total}} = {result} \\]",
    "inline": "{work}\nSo the total is ${result}$.",
    "heading": "{work}\n\n### Final Answer\n{result}",
    "currency": "{work}\nFinal answer: {result} USD",
    "escaped": "{work}\nFinal answer: \\${result}",
    "zh": "{work}\n答案是{result}",
    "zh sentence": "{work}\n答：一共{result}元。",
}
EVERY = 3
"""Of so many solutions one is taken for a style."""


def worked() -> list[tuple[str, str]]:
    """Solutions without their results and calculator marks, and the results."""
    split = [row["answer"].rpartition("####") for row in rows("instructions/gsm8k/train.jsonl")]
    return [(re.sub("<<.*?>>", "", work).strip(), result.strip().replace(",", "")) for work, _, result in split]


def with_a_digit_changed(result: str, rng: random.Random) -> str:
    place = rng.choice([place for place, character in enumerate(result) if character.isdigit()])
    other = rng.choice([digit for digit in "123456789" if digit != result[place]])
    return result[:place] + other + result[place + 1 :]


@pytest.mark.parametrize("style", STYLES)
def test_verdicts_are_those_of_the_stated_results(style: str):
    rng, missed, asked = random.Random(style), [], 0
    for work, result in worked()[sorted(STYLES).index(style) % EVERY :: EVERY]:
        for stated in (result, with_a_digit_changed(result, rng)):
            verdict = verify_now("math", STYLES[style].format(work=work, result=stated), result)
            asked += 1
            if verdict.right is not (stated == result):
                missed.append(json.dumps([stated, result, verdict.reason, work[-80:]], ensure_ascii=False))
    assert asked > 4900
    assert len(missed) <= 0.002 * asked, missed[:10]
