"""What the reference's own ranking of the pairs tells before a preference training, and what is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.storage import Store
from distilray.train import read_warnings
from distilray.train.data.tokens import tokenize_unit
from distilray.train.methods.dpo.advice import ChosenFalls, report_reference
from distilray.train.methods.dpo.method import DPO
from distilray.train.scoring.reference_ranking import RANKING, ranking_warnings, reference_ranking
from distilray.train.scoring.references import write_reference
from distilray.train.spec import Job
from tests.support.pairs import pair_units, pairs, settings
from tests.support.ranks import alone
from tests.support.specs import spec_of

OUT = "training/dpo"
TOKENS = f"{OUT}/tokens/unit-000000.parquet"


@pytest.fixture
def store(student: str, tmp_path: Path) -> Store:
    """Four pairs as tokens."""
    store = Store(tmp_path / "run")
    (unit,) = pair_units(store, pairs(4))
    tokenize_unit(spec_of(store, settings(), student), unit, TOKENS, "key")
    return store


def job(store: Store, **changes: Any) -> Job:
    return Job.of(spec_of(store, settings(**changes), "", OUT, method=DPO()), [TOKENS], None)  # type: ignore[arg-type]


def ranked(store: Store, *logs: tuple[list[float], list[float]]) -> dict[str, Any]:
    write_reference(store, TOKENS, {f"tiny:{k}": pair for k, pair in enumerate(logs)})
    return reference_ranking(store, [TOKENS])


def test_accuracy_and_margin_are_of_sums_and_of_means_over_tokens(store: Store) -> None:
    found = ranked(
        store,
        ([-1.0, -1.0], [-3.0]),  # both say chosen: 1 and 2 nats
        ([-1.0, -1.0, -1.0], [-2.0]),  # the sum says rejected, the mean chosen: -1 and 1
        ([-4.0], [-1.0, -1.0]),  # both say rejected: -2 and -3
        ([-1.0], [-2.0]),  # both say chosen: 1 and 1
    )
    assert found == {
        "pairs": 4,
        "accuracy": 0.5,
        "margin": pytest.approx(-0.25),
        "accuracy_per_token": 0.75,
        "margin_per_token": pytest.approx(0.25),
    }


def test_pairs_that_the_reference_ranks_right_are_warned_of_by_what_the_loss_compares() -> None:
    ranking = {"pairs": 1000, "accuracy": 0.99, "margin": 9.0, "accuracy_per_token": 0.6, "margin_per_token": 0.1}
    (told,) = ranking_warnings(ranking, settings(max_steps=30))
    assert told.startswith("the reference ranks 99.0% of 1000 pairs right before the first step")
    assert ranking_warnings(ranking, settings(max_steps=30, loss="sigmoid_norm", row_beta=False)) == []
    assert ranking_warnings({**ranking, "accuracy": 0.98}, settings(max_steps=30)) == []


def test_the_first_worker_writes_the_ranking_and_says_each_warning_once(store: Store) -> None:
    ranked(store, *[([-1.0], [-2.0])] * 4)
    with alone():
        report_reference(job(store))
        report_reference(job(store))  # after a kill
    assert store.read_json(f"{OUT}/{RANKING}")["accuracy"] == 1.0
    (told,) = read_warnings(store, OUT)
    assert told.startswith("the reference ranks 100.0% of 4 pairs right")
    assert DPO().details(store, OUT)["reference"]["pairs"] == 4


@pytest.mark.parametrize(
    ("reference", "evaluations", "told"),
    [
        (None, [(-20.0, 0.1), (-21.0, -0.02), (-22.0, -0.1)], "step 7: .* less likely than before the training"),
        (None, [(-20.0, 0.1), (-21.0, 0.05)], None),
        ("teacher", [(-20.0, -3.0), (-21.0, -2.0)], "step 7: .* less likely than at the first evaluation"),
        ("teacher", [(-20.0, -3.0), (-19.0, -2.0)], None),
    ],
)
def test_held_out_chosen_answers_that_become_less_likely_are_warned_of_once(
    reference: str | None, evaluations: list[tuple[float, float]], told: str | None, store: Store
) -> None:
    import re

    from transformers import TrainerControl, TrainerState

    callback = ChosenFalls(job(store, reference=reference))
    for log_prob, reward in evaluations:
        logs = {"eval_logps/chosen": log_prob, "eval_rewards/chosen": reward}
        callback.on_log(None, TrainerState(global_step=7), TrainerControl(), logs)
    said = read_warnings(store, OUT)
    assert len(said) == (told is not None)
    assert told is None or re.match(told, said[0])
