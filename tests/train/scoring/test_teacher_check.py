"""A teacher whose replicas disagree, with each other or with the trainer, is found before anything is learned from
it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distilray.models import EnginePools, PoolHandles, VLLMModel
from distilray.storage import Store
from distilray.train import CannotTrain, Engines, TrainingSpec, prepare_tokens
from distilray.train.scoring.forward_pass import ProbeRow, forward_log_probs
from distilray.train.scoring.scores import token_rows, trained_positions
from distilray.train.scoring.teacher_check import (
    LENGTH,
    ROWS,
    check_replicas,
    compare,
    probe_rows,
    trainer_pass,
)
from distilray.train.scoring.teacher_engines import score_tokens
from tests.support import tiny
from tests.support.specs import spec_of
from tests.support.taught import K, scored_run, settings
from tests.support.trainer import model_at

PROBES = [ProbeRow("a", [1, 2, 3], (1, 2)), ProbeRow("b", [1, 2], (1,))]
RIGHT = [[-0.5, -1.0], [-2.0]]


def test_replicas_that_agree_with_the_trainer_pass() -> None:
    found, problems = compare(PROBES, {"t/0": RIGHT, "t/1": [[-0.51, -1.01], [-2.0]]}, RIGHT, 0.02)
    assert problems == []
    assert found == {"t/0": 0.0, "t/1": pytest.approx(0.01)}


def test_the_replica_and_the_row_that_disagree_are_named() -> None:
    _, (problem,) = compare(PROBES, {"t/0": RIGHT, "t/1": [[-0.5, -3.0], [-2.0]]}, RIGHT, 0.1)
    assert problem == (
        "t/1 differs from the trainer's forward pass by 1 nats per token in row 'a', most at token 2 (-3 against -1)"
    )


def test_without_a_trainer_the_odd_one_of_three_is_named() -> None:
    _, problems = compare(PROBES, {"t/0": RIGHT, "t/1": RIGHT, "t/2": [[-0.5, -3.0], [-2.0]]}, None, 0.1)
    assert [problem.partition(" differs from the median")[0] for problem in problems] == ["t/2"]


def test_a_replica_without_an_answer_and_values_that_are_no_numbers_are_problems() -> None:
    _, problems = compare(PROBES, {"t/0": ["ModelError: not finite", [float("nan")]]}, RIGHT, 0.1)
    assert problems[0] == "t/0 gives nothing for row 'a': ModelError: not finite"
    assert problems[1].startswith("t/0 differs from the trainer's forward pass by nan nats per token in row 'b'")


def test_the_longest_row_is_asked_about_at_its_trained_tokens(student: str, teacher: str, tmp_path: Path) -> None:
    store, paths = scored_run(tmp_path, student, teacher)
    rows, probes = token_rows(store, paths[0]), probe_rows(store, paths)
    assert len(probes) == ROWS
    assert len(probes[0].tokens) == max(len(row["input_ids"]) for row in rows) <= LENGTH
    labels = {row["id"]: row["labels"] for row in rows}
    assert all(probe.positions == trained_positions(labels[probe.id]) for probe in probes)


def test_the_trainers_pass_gives_the_models_log_probabilities(student: str, teacher: str, tmp_path: Path) -> None:
    import torch

    probes = probe_rows(*scored_run(tmp_path, student, teacher))
    dtype, found = forward_log_probs(teacher, "auto", probes)
    assert dtype == "float32"
    for probe, values in zip(probes, found, strict=True):
        with torch.no_grad():
            whole = model_at(teacher)(input_ids=torch.tensor([probe.tokens])).logits[0].log_softmax(-1)
        expected = [whole[place - 1, probe.tokens[place]].item() for place in probe.positions]
        np.testing.assert_allclose(values, expected, atol=1e-5)


@pytest.fixture(scope="module")
def before(
    ray_cluster: None, student: str, teacher: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingSpec, list[str]]:
    """A training on 24 rows, with a teacher of the student's family."""
    engine = {"dtype": "float32", "max_model_len": 256, "kv_cache_gib": 0.125, "max_num_seqs": 32, "cpus": 0.5}
    models = {"teacher": VLLMModel(path=teacher, **engine), "other": VLLMModel(path=student, **engine)}
    store = Store(tmp_path_factory.mktemp("run"))
    spec = spec_of(store, settings(), student, "training/distill", models=models, engines=Engines("teacher-check"))
    tokens = prepare_tokens(spec, tiny.write_units(store, tiny.rows(24), size=24))
    return spec, tokens.paths


@pytest.mark.slow
def test_a_teacher_is_tested_once_before_it_scores(before: tuple[TrainingSpec, list[str]]) -> None:
    spec, paths = before
    score_tokens(spec, paths, 100, ["teacher"], K)
    tested = spec.store.read_json("training/distill/teacher-teacher.json")
    assert list(tested["nats_per_token"]) == ["teacher/0"]
    assert 0 < tested["nats_per_token"]["teacher/0"] < 1e-3
    assert len(tested["rows"]) == ROWS


@pytest.mark.long
def test_a_replica_with_other_weights_stops_the_run_by_name(before: tuple[TrainingSpec, list[str]]) -> None:
    spec, paths = before
    teacher, rows = spec.models["teacher"].scoring(K), probe_rows(spec.store, paths)
    expected = trainer_pass(teacher, rows)
    with EnginePools("teacher-check-2") as pools:
        handles = pools.start({"teacher": teacher, "other": spec.models["other"].scoring(K)})
        own, other = handles.pools["teacher"], handles.pools["other"]
        assert check_replicas(spec, "teacher", handles, rows, expected)["teacher/0"] < 1e-3
        mixed = PoolHandles(handles.run, {"teacher": replace(own, engines=(*own.engines, *other.engines))})
        with pytest.raises(
            CannotTrain, match=r"'teacher' .* was tested on 4 rows .*other/0 differs from the trainer's"
        ):
            check_replicas(spec, "teacher", mixed, rows, expected)
