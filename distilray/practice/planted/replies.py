"""Good replies and bad ones to every prompt that the planted model plays, about problems of the practice world.

What is good follows from the truth: a rewrite keeps the result, a check says what is so. A bad reply keeps to its form,
so that parsers take it, and has one fault that the step's own checks should find: another language, a copy, another
result, a quote that is nowhere, a wrong verdict.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from distilray.practice.arithmetic import Language, draw_problem, in_other_words, read_problem
from distilray.practice.planted.reading import Asked
from distilray.practice.worked import draw_trace, medium

Part = Callable[[Asked, random.Random, bool], str]
OTHER: dict[Language, Language] = {"en": "zh", "zh": "en"}
AGAIN = {"en": "again: ", "zh": "再算一次: "}
SO = {"en": "That is to say: ", "zh": "也就是说: "}
WHY = {"en": "Why do you write {}?", "zh": "为什么这里写{}?"}
BECAUSE = {"en": "It follows from the numbers in the question, digit by digit.", "zh": "由题目中的数字逐位推算得出。"}
INVENTED = "1000+1000=2000"
"""No answer of the world says this."""
_NUMBER = re.compile(r"\d+")


def _object(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)


def _new(rng: random.Random, language: Language) -> str:
    return draw_problem(rng, "train", languages=[language]).text


def _last_number(text: str) -> str | None:
    found = _NUMBER.findall(text)
    return found[-1] if found else None


def synthesized(asked: Asked, rng: random.Random, good: bool) -> str:
    return _new(rng, asked.language if good else OTHER[asked.language])


def rated(asked: Asked, rng: random.Random, good: bool) -> str:
    return "good" if (read_problem(asked.user) is not None) == good else "poor"


def classified(asked: Asked, rng: random.Random, good: bool) -> str:
    return "math" if (read_problem(asked.user) is not None) == good else "writing"


def expanded(asked: Asked, rng: random.Random, good: bool) -> str:
    """As many as are asked for; of bad ones the first is the parent itself."""
    wanted = int(_last_number(asked.system.splitlines()[0]) or 1)
    texts = [_new(rng, asked.language) for _ in range(wanted)]
    parent = read_problem(asked.user)
    if not good and parent is not None:
        texts[0] = parent.text
    return _object(instructions=texts)


def localized(asked: Asked, rng: random.Random, good: bool) -> str:
    return _object(instruction=_new(rng, asked.language if good else OTHER[asked.language]))


def refined(asked: Asked, rng: random.Random, good: bool) -> str:
    """The same calculation asked anew; a bad one is in the other language."""
    problem = read_problem(asked.user)
    if problem is None or not good:
        return _object(instruction=_new(rng, OTHER[asked.language]))
    return _object(instruction=in_other_words(problem, rng).text)


def compared(asked: Asked, rng: random.Random, good: bool) -> str:
    one, other = read_problem(asked.about), read_problem(asked.parts.get("instruction", ""))
    same = None not in (one, other) and _calculation(one) == _calculation(other)
    return "same" if same == good else "other"


def _calculation(problem: Any) -> tuple[str, int, int]:
    return problem.operation, problem.a, problem.b


def answered(asked: Asked, rng: random.Random, good: bool) -> str:
    """A problem is worked out; any other question is a follow-up."""
    problem = read_problem(asked.user)
    if problem is None:
        return BECAUSE[asked.language]
    return medium(problem).text if good else draw_trace(problem, "medium", rng, "column").text


def followed_up(asked: Asked, rng: random.Random, good: bool) -> str:
    lines = [line for line in asked.parts["answer"].splitlines() if line.strip()]
    quote = rng.choice(lines) if good and lines else INVENTED
    return _object(quote=quote, question=WHY[asked.language].format(quote))


def grounded(asked: Asked, rng: random.Random, good: bool) -> str:
    lines = [line for line in asked.parts["answer"].splitlines() if line.strip()]
    rests = any(line in asked.parts["question"] for line in lines)
    return "grounded" if rests == good else "outside"


def rewritten(asked: Asked, rng: random.Random, good: bool) -> str:
    """Its first step is said twice; a bad one ends on another number."""
    first, *rest = asked.parts["answer"].split("\n\n")
    said = "\n\n".join([first, AGAIN[asked.language] + first, *rest]) if rest else SO[asked.language] + first
    number = _last_number(said)
    if good or number is None:
        return said
    before, _, after = said.rpartition(number)
    return f"{before}{int(number) + 1}{after}"


def preserved(asked: Asked, rng: random.Random, good: bool) -> str:
    numbers = [_last_number(asked.parts[part]) for part in ("answer", "rewrite")]
    same = numbers[0] == numbers[1]
    kept = same == good
    return _object(check=" / ".join(map(str, numbers)), answer_kept=kept, facts_kept=kept, nothing_added=True)


def _seems_right(asked: Asked) -> bool:
    """Only the result of a single question is looked at."""
    problem, several = read_problem(asked.about), asked.about.startswith("[user]")
    return problem is None or several or _last_number(asked.parts["answer"]) == str(problem.result)


def judged(asked: Asked, rng: random.Random, good: bool) -> str:
    high = 9 if _seems_right(asked) == good else 1
    return _object(check="", accuracy=high, relevance=9, helpfulness=high, detail=7)


def verified(asked: Asked, rng: random.Random, good: bool) -> str:
    stated = _last_number(asked.parts["answer"])
    if _seems_right(asked) == good:
        return _object(reasons=f"{stated} is right", problems=[], instruction=8, answer=9)
    return _object(reasons=f"{stated} is wrong", problems=["wrong"], instruction=8, answer=1)


REPLIES: dict[str, Part] = {
    "synthesize": synthesized,
    "rate_instruction": rated,
    "classify_task": classified,
    "expand": expanded,
    "localize": localized,
    "refine": refined,
    "compare_content": compared,
    "answer": answered,
    "follow_up": followed_up,
    "grounding": grounded,
    "rewrite": rewritten,
    "preserved": preserved,
    "verify_quality": verified,
    "judge": judged,
}
