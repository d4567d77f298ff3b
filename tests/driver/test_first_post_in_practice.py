"""The first post's road on real parts, from three sources to a student after DPO: each step does what it is for, and
every row is accounted for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import distilray as dr
from distilray.ledger import reconcile
from distilray.practice.arithmetic import read_problem
from distilray.train import read_tokens
from tests.support.paths import RECIPES


def column(run: dr.Run, step: str, name: str) -> list:
    return run.table(step, [name])[name].to_pylist()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_step_of_the_first_post_does_its_part_in_the_practice_world(ray_cluster: None, tmp_path: Path) -> None:
    run = dr.run(str(RECIPES / "practice_distilqwen2.yaml"), directory=str(tmp_path / "run"))
    steps = run.outcomes
    assert reconcile(run.store, deep=True).ok
    for counts in steps.values():
        assert counts.rows_in + counts.created == counts.kept + counts.rejected + counts.failed, counts.name
        assert counts.failed <= 0.05 * counts.rows_in, (
            counts.reasons
        )  # the tiny judge may lose itself in a wrong answer
    assert steps["sources"].kept == 360 + 160 + 48

    # Collecting: blank rows became problems, and what is not mathematics by its label has left with the first balance.
    assert column(run, "synthesize", "synthesized").count(True) >= 40
    assert steps["score_difficulty"].kept and steps["select"].rejected
    assert min(column(run, "select", "difficulty")) >= 1
    # Diversity: new rows in both languages, some refined, and at the end as many of one language as of the other.
    assert steps["localize"].created > 50 and steps["expand"].created > 0
    assert any(column(run, "refine", "refined_from"))
    languages = Counter(column(run, "balance-2", "language"))
    assert max(languages.values()) <= 1.06 * min(languages.values()) and steps["balance-2"].kept >= 480

    # Answers: the judge took the better of two, and what is wrong by the truth of the world is rare.
    assert max(column(run, "best_answer", "best_of")) == 2
    assert steps["follow_up"].created > 20
    problems = [read_problem(messages[-1]["content"]) for messages in column(run, "best_answer", "messages")]
    ends = [answer.split()[-1] for answer in column(run, "best_answer", "answer")]
    right = [end == str(problem.result) for problem, end in zip(problems, ends, strict=True) if problem]
    assert sum(right) / len(right) > 0.97
    rewritten = column(run, "rewrite", "rewritten")
    assert sum(map(bool, rewritten)) > 0.8 * len(rewritten)
    assert all(value and value >= 1 for value in column(run, "rewrite", "student_perplexity_after"))
    assert any(column(run, "find_boilerplate", "boilerplate"))
    assert steps["verify_quality"].reasons["rejected: wrong"] > 0

    # Training: on all that was kept, and on pairs where the student still failed.
    assert read_tokens(run.store, "training/sft/tokens").counts.kept == steps["verify_quality"].kept
    assert read_tokens(run.store, "training/dpo/tokens").counts.kept > 20
    assert steps["preference_pairs"].kept + steps["preference_pairs"].rejected == steps["verify_quality"].kept
    before, after = (next(r for r in run.evaluations if r.model == f"student_{when}") for when in ("before", "after"))
    assert after.value > before.value
    assert Path(run.report()).stat().st_size > 50_000
