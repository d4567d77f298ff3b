"""Data sets whose truth is known, through the verifiers whole."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from distilray.verifiers import Verdict, VerifierPool, numeric_equal, verify_now
from tests.support.recorded_data import rows

pytestmark = pytest.mark.slow


def verdicts(kind: str, checks: list[tuple[str, object, dict]]) -> list[Verdict]:
    async def decide() -> list[Verdict]:
        pool = VerifierPool(workers=2, deadline_s=60.0)
        try:
            return list(await asyncio.gather(*(pool.verify(kind, a, r, **settings) for a, r, settings in checks)))
        finally:
            await pool.close()

    return asyncio.run(decide())


def gsm8k() -> list[tuple[str, str]]:
    return [
        (row["answer"], row["answer"].rpartition("####")[2].strip()) for row in rows("instructions/gsm8k/train.jsonl")
    ]


def test_every_gsm8k_solution_is_right_against_its_own_answer():
    decided = verdicts("math", [(solution, answer, {}) for solution, answer in gsm8k()])
    assert len(decided) == 7473
    assert [v.reason for v in decided if v.right is not True] == []


def test_no_gsm8k_solution_is_right_against_the_next_rows_answer():
    problems = gsm8k()
    pairs = [(one[0], other[1], {}) for one, other in itertools.pairwise(problems) if one[1] != other[1]]
    assert len(pairs) > 7000
    assert [v.reason for v in verdicts("math", pairs) if v.right is not False] == []


def test_the_cheap_check_agrees_on_gsm8k():
    problems = gsm8k()
    assert all(numeric_equal(solution, answer).right for solution, answer in problems)
    pairs = [(one[0], other[1]) for one, other in itertools.pairwise(problems) if one[1] != other[1]]
    assert not any(numeric_equal(solution, answer).right for solution, answer in pairs)


CMATH_FORMS = ("{}", "答案是{}。", "答：{}", "经过计算，最终答案为：{}", "所以结果是 $\\boxed{{{}}}$。", "#### {}")


@pytest.mark.parametrize("form", CMATH_FORMS)
def test_every_cmath_answer_is_right_however_it_is_stated(form: str):
    problems = [row["golden"] for row in rows("instructions/cmath/cmath_dev.jsonl")]
    decided = verdicts(
        "math",
        [(form.format(golden.replace("%", "\\%") if "boxed" in form else golden), golden, {}) for golden in problems],
    )
    assert [v.reason for v in decided if v.right is not True] == []


@pytest.mark.parametrize("form", CMATH_FORMS)
def test_no_cmath_answer_is_right_against_the_next_rows(form: str):
    problems = [row["golden"] for row in rows("instructions/cmath/cmath_dev.jsonl")]
    pairs = [(form.format(one), other, {}) for one, other in itertools.pairwise(problems) if one != other]
    assert [(v.reason) for v in verdicts("math", pairs) if v.right is not False] == []


def test_humanevals_example_samples_give_the_published_half():
    problem = rows("evaluation/humaneval/example_problem.jsonl")[0]
    samples = rows("evaluation/humaneval/example_samples.jsonl")
    decided = verdicts("code", [(sample["completion"], problem, {"timeout_s": 5.0}) for sample in samples])
    assert [v.right for v in decided] == [False, False, False, True, True, True]


def test_every_canonical_humaneval_solution_passes():
    problems = rows("evaluation/humaneval/HumanEval.jsonl.gz")
    decided = verdicts("code", [(problem["canonical_solution"], problem, {"timeout_s": 60.0}) for problem in problems])
    assert len(decided) == 164
    assert [(p["task_id"], v.reason) for p, v in zip(problems, decided, strict=True) if v.right is not True] == []


def test_no_humaneval_problem_accepts_another_ones_solution():
    problems = rows("evaluation/humaneval/HumanEval.jsonl.gz")[:40]
    swapped = [(one["canonical_solution"], other, {}) for one, other in itertools.pairwise(problems)]
    assert [v.reason for v in verdicts("code", swapped) if v.right is not False] == []


def test_ifeval_verdicts_agree_with_the_recorded_ones():
    recorded = rows("evaluation/ifeval/Qwen__Qwen2.5-7B-Instruct-GPTQ-Int4.strict.jsonl")
    asked = {row["prompt"]: row for row in rows("evaluation/ifeval/en_input_data.jsonl")}
    decided = verdicts("format", [(row["response"], asked[row["prompt"]], {}) for row in recorded])
    differing = sum(
        one != other
        for verdict, row in zip(decided, recorded, strict=True)
        for one, other in zip(verdict.detail["followed"], row["follow_instruction_list"], strict=True)
    )
    assert differing <= 3


def test_the_solutions_with_their_answers_removed_are_not_right_by_luck():
    problems = gsm8k()[:200]
    bare = [verify_now("math", "I do not know.", answer) for _, answer in problems]
    assert all(v.right is None for v in bare)
