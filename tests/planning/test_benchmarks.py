"""What a plan says of published benchmarks: sizes, tokens and cost, for those who answer and those who judge."""

from __future__ import annotations

import pytest

from distilray.evaluate import PUBLISHED, STUDENT_AFTER, STUDENT_BEFORE
from distilray.planning import benchmark_needs, benchmarks_as_json
from distilray.recipe import Recipe, load_recipe, parse
from tests.support.paths import RECIPES

RECIPE = """
models:
  student: {path: some/model, price: {input: 1, output: 2}}
  judge: {kind: openai, base_url: http://h/v1, model: m, price: {input: 10, output: 30}, sampling: {max_tokens: 400}}
sources: [{name: rows, path: rows.jsonl}]
train: [{kind: sft, student: student, epochs: 1}]
evaluate:
  - {kind: gsm8k, max_tokens: 1000}
  - {kind: aime_2024, models: [judge], samples: 4, limit: 10}
  - {kind: mt_bench, judge: judge, models: [student_after]}
  - {name: own, source: {name: own, path: own.jsonl}}
"""


def recipe(*overrides: str) -> Recipe:
    return parse(RECIPE, "r.yaml", overrides)


def test_questions_answers_tokens_and_cost_of_every_model():
    before, after, aime, answers, verdicts = benchmark_needs(recipe())
    asking = PUBLISHED["gsm8k"].asking
    assert (before.benchmark, before.model, after.model) == ("gsm8k", STUDENT_BEFORE, STUDENT_AFTER)
    assert (before.questions, before.answers) == (1319, 1319)
    assert before.tokens_in == 1319 * asking.prompt_tokens and before.tokens_out == 1319 * asking.reply_tokens
    assert before.most_tokens_out == 1319 * 1000
    assert before.cost == pytest.approx((before.tokens_in + 2 * before.tokens_out) / 1e6)  # the student's prices
    assert before.most_cost == pytest.approx((before.tokens_in + 2 * 1319 * 1000) / 1e6)
    assert (aime.model, aime.questions, aime.answers) == ("judge", 10, 40)
    assert (answers.questions, answers.answers, answers.judges) == (80, 160, False)
    assert (verdicts.model, verdicts.judges, verdicts.answers) == ("judge", True, 160)
    assert verdicts.cost is not None and verdicts.most_tokens_out == 160 * 400


def test_a_model_without_prices_has_no_cost():
    [first, *_] = benchmark_needs(recipe("models.student.price=null"))
    assert (first.cost, first.most_cost) == (None, None) and first.tokens_out
    assert benchmarks_as_json(recipe())[0]["questions"] == 1319


@pytest.mark.slow  # engine settings are checked against vLLM's own, which takes seconds to import
def test_the_recipes_of_both_posts_ask_all_benchmarks_of_the_posts_by_name():
    first, second, deep = (
        load_recipe(str(RECIPES / f"{name}.yaml"))
        for name in ("answer-and-sft", "distilqwen2_5_ds3", "distilqwen2_5_r1")
    )
    names = [{benchmark.name for benchmark in loaded.evaluate} for loaded in (first, second, deep)]
    assert names[0] | names[1] == set(PUBLISHED) and names[1] == names[2]
    for loaded in (first, second, deep):
        needs = [need for need in benchmark_needs(loaded) if not need.judges]
        assert {need.model for need in needs} == {STUDENT_BEFORE, STUDENT_AFTER, "teacher"}
    assert any(need.cost for need in benchmark_needs(first))
