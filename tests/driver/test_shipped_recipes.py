"""The shipped recipes of both posts, cut to two steps of tiny models under the real tokenizer: rows are answered,
checked, judged, aligned and paired by real engines, and a student is trained, evaluated, exported and served."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

import distilray as dr
from distilray.ledger import reconcile
from distilray.train import read_tokens
from distilray.train.loop.metrics import read_metrics
from tests.support.greedy import TOKENS, by_transformers
from tests.support.hosted import served
from tests.support.shipped import QUESTIONS, cut

pytestmark = pytest.mark.slow
QUESTION = "Tom has 482 apples and gets 379 more. How many apples does Tom have now?"


def assert_trained(run: dr.Run, training: str, at_least: int) -> None:
    assert read_tokens(run.store, f"training/{training}/tokens").counts.kept >= at_least
    norms = [record["grad_norm"] for record in read_metrics(run.store, f"training/{training}") if "loss" in record]
    assert len(norms) == 2 and all(norm > 0 for norm in norms), (training, norms)


def assert_accounted_for(run: dr.Run) -> None:
    assert reconcile(run.store, deep=True).ok
    for counts in run.outcomes.values():
        assert counts.rows_in + counts.created == counts.kept + counts.rejected + counts.failed


def test_a_student_of_the_first_posts_recipe_is_trained_evaluated_and_answers(
    ray_cluster: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe, overrides = cut("answer-and-sft", tmp_path, {"gsm8k": 10, "instructions": 4})
    only_after = "evaluate.gsm8k.models=[student_after]"  # an engine less
    run = dr.run(recipe, directory=tmp_path / "run", overrides=[*overrides, only_after])
    assert_accounted_for(run)
    assert_trained(run, "sft", 1)
    assert [(result.model, result.questions) for result in run.evaluations] == [("student_after", QUESTIONS)]
    capfd.readouterr()
    assert run.chat(once=QUESTION) == 0
    assert capfd.readouterr().out.strip()


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["answer-and-sft", "distilqwen2_5_ds3"])
def test_a_shipped_recipe_leads_to_a_served_student(name: str, ray_cluster: None, tmp_path: Path) -> None:
    recipe, overrides = cut(name, tmp_path)
    planned = dr.load_recipe(recipe, overrides)
    run = dr.run(recipe, directory=tmp_path / "run", overrides=overrides)
    assert_accounted_for(run)
    assert_trained(run, "sft", 8)
    if len(planned.train) > 1:
        assert_trained(run, "cogpo", 4)
        pairs = run.table("cognitive_pairs", ["gap"]).to_pylist()
        gaps = {row["gap"] for row in pairs}
        # Which of them there are is up to the tiny judge, who never learned to tell.
        assert None in gaps and gaps & {"small", "medium", "large"} and gaps <= {None, "small", "medium", "large"}
    asked = {(benchmark.name, who) for benchmark in planned.evaluate for who in benchmark.models}
    assert {(result.benchmark, result.model) for result in run.evaluations} == asked
    assert {result.questions for result in run.evaluations} == {QUESTIONS}

    assert run.student is not None
    system = planned.train[-1].settings.system
    turns = [{"role": "user", "content": QUESTION}]
    [expected] = by_transformers(run.student, [[{"role": "system", "content": system}, *turns]])
    with served(run.directory) as url:
        body = {"model": "student", "messages": turns, "max_tokens": TOKENS, "temperature": 0}
        reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)
    assert reply.status_code == 200, reply.text
    # vLLM holds back bytes at the end that may begin a character.
    assert reply.json()["choices"][0]["message"]["content"].rstrip("\ufffd") == expected.text.rstrip("\ufffd")
