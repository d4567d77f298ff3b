"""What a good judge says about a solution in the practice world.

A tiny judge that only scores stays blind to the content. It learns when it compares column by column inside
its reply: the column worked again, the digit that the answer claims there, and whether they agree.

    482+379 answered with 851:  "2+9+0=11/1 ok;8+7+1=16/5 bad;4+3+1=8/8 ok"
"""

from __future__ import annotations

from distilray.practice.arithmetic import Problem
from distilray.practice.worked import Trace, column_sums
from distilray.prompts import Judgement, Rating

_DETAIL: dict[Rating, int] = {"easy": 3, "medium": 9, "hard": 5}
_HELPFULNESS: dict[Rating, int] = {"easy": 7, "medium": 9, "hard": 7}


def check(problem: Problem, claim: int | None) -> str:
    """Ones, tens, and what is left of the claim for the hundreds; ``-`` where nothing is claimed."""
    claimed = ["-"] * 3 if claim is None else [str(claim % 10), str(claim // 10 % 10), str(claim // 100)]
    parts = []
    for column, ((text, value), found) in enumerate(zip(column_sums(problem), claimed, strict=True)):
        right = str(value if column == 2 else value % 10)
        parts.append(f"{text}={value}/{found} {'ok' if found == right else 'bad'}")
    return ";".join(parts)


def judgement(problem: Problem, trace: Trace) -> Judgement:
    """Accuracy 9 or 1; detail by the rendering; help takes both; everything here keeps to the question."""
    return Judgement(
        check=check(problem, trace.claim),
        accuracy=9 if trace.right else 1,
        relevance=9,
        helpfulness=_HELPFULNESS[trace.rating] if trace.right else 1,
        detail=_DETAIL[trace.rating],
    )
