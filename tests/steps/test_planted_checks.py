"""What the checks that need no model find among planted replies, good and bad: recall and false alarms.

The replies are written by hand, so these figures say what the checks can do, not what models write.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from distilray.rows import Row
from distilray.steps.follow_up import FollowUp
from distilray.steps.shared.created import written_in
from distilray.steps.shared.overlap import near_copy
from tests.support.planted import go

ENGLISH = [
    "Name three rivers that flow into the Black Sea.",
    "What does the proverb 塞翁失马 mean, and when would somebody say it?",
    "Write a Python function that reverses a list in place.",
    "Translate `你好,世界` into French and Spanish.",
    "Solve x^2 - 5x + 6 = 0 and show every step.",
    "Why is the sky blue?",
    "Draft a polite email to my landlord about the broken heating.",
    "Fix this query:\n```sql\nSELECT name FROM users WHERE name = '王芳';\n```",
]
CHINESE = [
    "说出三条流入黑海的河流。",
    "请用Python写一个函数,把列表原地反转。",
    "解方程 x^2 - 5x + 6 = 0,并写出每一步。",
    "天空为什么是蓝色的?",
    "给房东写一封礼貌的邮件,说明暖气坏了。",
    "比较HTTP和HTTPS的区别。",
    "把下面这段代码改成异步的:\n```js\nconst data = fetchData(url); console.log(data.items.length);\n```",
    "用三句话介绍杭州西湖,适合发在微信朋友圈。",
]
PARENTS = [
    "Name three rivers that flow into the Black Sea and say how long each of them is.",
    "给房东写一封礼貌的邮件,说明卧室的暖气从上周开始就坏了,请他尽快派人来修。",
]
COPIES = [
    (0, "Name three rivers that flow into the Black Sea and say how long each of them is!"),
    (0, "name four rivers that flow into the Black Sea and say how long each of them is"),
    (0, "Please name three rivers that flow into the Black Sea and say how long each one is."),
    (1, "给房东写一封礼貌的邮件,说明客厅的暖气从上周开始就坏了,请他尽快派人来修。"),
    (1, "请给房东写一封礼貌的邮件,说明卧室的暖气从上周开始就坏了,请他尽快派人来修理。"),
]
ORIGINALS = [
    (0, "Name three seas that border on Turkey and say which of them is the saltiest."),
    (0, "List three rivers in Africa from the longest to the shortest."),
    (0, "How long is the Danube, and through which capitals does it flow?"),
    (1, "给邻居写一张便条,说明楼上半夜装修太吵,请他们白天再施工。"),
    (1, "给房东写一封邮件,询问租约到期后能否再续租一年。"),
]
ANSWER = "Yeast eats sugar and frees carbon dioxide, whose bubbles lift the dough. 酵母会产生二氧化碳。"
QUOTES = ["frees carbon dioxide", "whose bubbles\nlift  the dough", "YEAST EATS SUGAR", "产生二氧化碳"]
INVENTED = ["frees oxygen", "the bubbles lift the dough", "yeast eats flour", "产生一氧化碳", "Sure, here is a quote"]


def counts(found: list[bool]) -> float:
    return sum(found) / len(found)


@pytest.mark.parametrize(("texts", "language", "other"), [(ENGLISH, "en", "zh"), (CHINESE, "zh", "en")])
def test_language_recall_is_1_and_false_alarms_are_0(texts: list[str], language: str, other: str) -> None:
    assert counts([not asyncio.run(written_in(text, language)) for text in texts]) == 0
    assert counts([not asyncio.run(written_in(text, other)) for text in texts]) == 1


def test_near_copy_recall_is_1_and_false_alarms_are_0() -> None:
    assert counts([near_copy(text, [PARENTS[parent]], 0.5) for parent, text in COPIES]) == 1
    assert counts([near_copy(text, [PARENTS[parent]], 0.5) for parent, text in ORIGINALS]) == 0


def test_grounding_recall_is_1_and_false_alarms_are_0(tmp_path: Path) -> None:
    row = Row({"id": "r", "language": "en", "messages": [{"role": "user", "content": "Why rise?"}], "answer": ANSWER})
    step = FollowUp(model="user", answerer="teacher", turns=1, tries=1)
    problems = {}
    for k, quote in enumerate([*QUOTES, *INVENTED]):
        asked = json.dumps({"quote": quote, "question": "Could you explain that part in more detail?"})
        outcome, _ = go(tmp_path / str(k), step, row, user=[asked], teacher=["Of course: it is a gas."])
        problems[quote] = outcome.columns["follow_up_problem"]
    assert {problems[quote] for quote in QUOTES} == {None}
    assert {problems[quote] for quote in INVENTED} == {"its quote is not in the answer"}
