"""Replies to every prompt about any row: always the same to the same request, most of them good, some bad.

    with serving(Anything().say) as url: ...

What is said follows from a hash of the request, so that a run can be repeated and killed and gives the same rows. One
in ``BAD`` replies is what a step has to refuse: another language or task, a quote that is nowhere, an answer that is
lost; one in ``BROKEN`` is not in the form that was asked for.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from hashlib import blake2b

from benchmarks.planted.server import Asked
from benchmarks.planted.texts import TASKS, Language, instruction
from distilray.prompts import (
    CLASSIFY_TASK,
    COMPARE_CONTENT,
    CRITERIA,
    EXPAND,
    FOLLOW_UP,
    GROUNDING,
    JUDGE,
    LOCALIZE,
    PRESERVED,
    RATE_INSTRUCTION,
    REFINE,
    REWRITE,
    VERIFY_QUALITY,
)

BAD, BROKEN = 12, 60
SAYS = {
    "en": {
        "answer": "What matters most here is point {n}. It rests on {m} facts that anybody can look up in a library. "
        "Whoever wants to go further may begin with the second of them.",
        "opening": "Certainly, here is what you asked for: ",
        "rewritten": " That is all there is to it.",
        "more": " Keep it below {n} words.",
        "ask": "Could you explain part {n} of that in more detail?",
        "elsewhere": "And what is the weather like in place {n} today?",
        "case": " Think of case {n}.",
    },
    "zh": {
        "answer": "这里最重要的是第{n}点,它依据的{m}个事实在任何图书馆里都能查到。想多了解的人可以从第二个开始。",
        "opening": "当然可以,以下是为您整理的内容:",
        "rewritten": "要点就是这些。",
        "more": "请控制在{n}个字以内。",
        "ask": "能不能把其中的第{n}部分讲得更详细一些?",
        "elsewhere": "那么今天第{n}号城市的天气怎么样?",
        "case": "请以第{n}种情况为例。",
    },
}


class Anything:
    """Also counts what it was asked, and what it was asked more than once."""

    def __init__(self) -> None:
        self.asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        return sum(self.asked.values())

    @property
    def asked_again(self) -> int:
        return self.requests - len(self.asked)

    def say(self, asked: Asked) -> str:
        digest = blake2b(json.dumps([asked.messages, asked.body.get("seed")]).encode(), digest_size=8).digest()
        with self._lock:
            self.asked[digest] += 1
        dice = int.from_bytes(digest)
        if asked.prompt is not None and dice % BROKEN == 1:
            return "I am not sure what to say about this."
        return _reply(asked, dice // BROKEN)


def _reply(asked: Asked, dice: int) -> str:
    language: Language = "zh" if asked.chinese else "en"
    bad = dice % BAD == 1
    number = 100 + dice // BAD % 9000
    match asked.prompt:
        case CLASSIFY_TASK.name:
            return TASKS[_steady(asked.said) % len(TASKS)]
        case COMPARE_CONTENT.name:
            return "same" if bad else "other"
        case RATE_INSTRUCTION.name:
            return "poor" if bad else "good"
        case GROUNDING.name:
            return "outside" if bad else "grounded"
        case EXPAND.name:
            return _json(instructions=[_instruction(language, number + k, bad and k == 1) for k in range(3)])
        case LOCALIZE.name:
            return _json(instruction=_instruction(language, number, bad))
        case REFINE.name:
            return _json(instruction=asked.part("Instruction", "指令") + SAYS[language]["more"].format(n=number))
        case FOLLOW_UP.name:
            return _follow_up(asked, language, number, bad)
        case REWRITE.name:
            answer = asked.part("Answer", "回答")
            return answer[: len(answer) // 5] if bad else answer + SAYS[language]["rewritten"]
        case PRESERVED.name:
            return _json(check="compared", answer_kept=True, facts_kept=not bad, nothing_added=True)
        case JUDGE.name:
            scores = {name: (dice // 10**k) % 10 for k, name in enumerate(CRITERIA)}
            return _json(check="looked at", **scores)
        case VERIFY_QUALITY.name:
            problems = ["incomplete"] if bad else []
            return _json(reasons="looked at", problems=problems, instruction=8, answer=3 if bad else 8)
        case _:
            said = SAYS[language]
            return (said["opening"] if bad else "") + said["answer"].format(n=number, m=2 + dice % 50)


def _instruction(language: Language, number: int, bad: bool) -> str:
    written_in: Language = ("en" if language == "zh" else "zh") if bad else language
    return instruction(written_in, TASKS[number % len(TASKS)], number) + SAYS[written_in]["case"].format(n=number)


def _follow_up(asked: Asked, language: Language, number: int, bad: bool) -> str:
    answer = asked.part("Last answer", "最后一个回答")
    quote = "nowhere in it" if bad else answer[:40]
    how = "ask" if number % BAD else "elsewhere"
    return _json(quote=quote, question=SAYS[language][how].format(n=number))


def _steady(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())


def _json(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False)
