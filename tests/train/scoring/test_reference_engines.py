"""The reference asked of a real pool of vLLM engines, against the training's own workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray

from distilray.checkpoints.student import local_student
from distilray.models import VLLMModel
from distilray.runner import Residency, Resources
from distilray.storage import Store
from distilray.train import CannotTrain, Engines, TokenManifest, TrainingSpec, prepare_tokens
from distilray.train.methods.dpo.method import DPO
from distilray.train.methods.dpo.reference_scores import score_by_workers
from distilray.train.scoring.references import CHOSEN, REJECTED, missing, reference_path
from tests.support.pairs import pair_units
from tests.support.ranks import alone
from tests.support.specs import spec_of
from tests.train.methods.dpo.test_fit import STUDENT, chosen_settings, practice_pairs
from tests.train.methods.dpo.test_trainer import job

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

ENGINE = VLLMModel(path="not this one", dtype="float32", cpus=0.5, max_num_seqs=16, max_model_len=384)


@pytest.fixture(scope="module")
def before(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingSpec, TokenManifest]:
    """Two token files of pairs, a student of the recipe and the checkpoint that it has come to."""
    store, chosen = Store(tmp_path_factory.mktemp("run")), chosen_settings(reference_by="engines")
    spec = spec_of(store, chosen, STUDENT, "training/dpo", models={"tiny": ENGINE}, engines=Engines("a-run"))
    return spec, prepare_tokens(spec, pair_units(store, practice_pairs(48), size=24))


def stored(store: Store, tokens: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    table = pq.read_table(store.full(reference_path(tokens)))
    return {row["id"]: (np.array(row[CHOSEN]), np.array(row[REJECTED])) for row in table.to_pylist()}


@pytest.mark.long
def test_engines_give_the_log_probabilities_that_the_trainings_workers_give(
    before: tuple[TrainingSpec, TokenManifest],
) -> None:
    spec, tokens = before
    store, paths = spec.store, tokens.paths
    DPO().prepare_in_driver(spec, tokens)
    assert missing(store, paths) == []
    by_engines = [stored(store, path) for path in paths]
    for path in paths:
        Path(store.full(reference_path(path))).unlink()
    with alone():
        score_by_workers(replace(job(store, local_student(STUDENT), chosen_settings()), tokens=paths))
    by_workers = [stored(store, path) for path in paths]
    assert [sorted(some) for some in by_engines] == [sorted(some) for some in by_workers]
    pairs = [(one[row], other[row]) for one, other in zip(by_engines, by_workers, strict=True) for row in one]
    assert len(pairs) == 48
    for one, other in pairs:
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=2e-3)
            assert abs(mine.sum() - theirs.sum()) < 1e-2


def elsewhere(spec: TrainingSpec, tokens: TokenManifest, folder: str, engines: Engines) -> TrainingSpec:
    """The same training in a store of its own, whose pairs have no scores."""
    other = replace(spec, store=Store(spec.store.full(folder)), engines=engines)
    for path in tokens.paths:
        other.store.write(path, spec.store.read(path))
    return other


@pytest.mark.long
def test_engines_of_the_run_are_asked_where_they_are_the_reference_and_stay_up(
    before: tuple[TrainingSpec, TokenManifest],
) -> None:
    spec, tokens = before
    reference = ENGINE.model_copy(update={"path": spec.student_path})
    context: Any = SimpleNamespace(run="a-run", logs=None, resources=Resources())
    with Residency(context) as resident:
        [engine] = resident.handles({"tiny": reference}).pools["tiny"].engines
        asked = elsewhere(spec, tokens, "asked", Engines("a-run", resident=resident))
        DPO().prepare_in_driver(asked, tokens)
        assert missing(asked.store, tokens.paths) == []
        assert ray.get(engine.actor.stats.remote())["replies"] == 2 * 48  # type: ignore[attr-defined]
        assert resident.running == {"tiny": reference}
        resident.release(["tiny"])
        resident.handles({"tiny": reference.model_copy(update={"max_num_seqs": 8})})
        own = elsewhere(spec, tokens, "own", Engines("a-run", resident=resident))
        DPO().prepare_in_driver(own, tokens)
        assert missing(own.store, tokens.paths) == [] and resident.running == {}


@pytest.mark.long
def test_pairs_that_engines_cannot_read_are_refused_before_any_is_asked(
    before: tuple[TrainingSpec, TokenManifest],
) -> None:
    short = {"tiny": ENGINE.model_copy(update={"max_model_len": 128})}
    spec, tokens = before
    other = replace(spec, store=Store(spec.store.full("elsewhere")), models=short)
    for path in tokens.paths:
        other.store.write(path, spec.store.read(path))
    with pytest.raises(CannotTrain, match=r"rows may have 256 tokens.*raise its max_model_len to 257"):
        DPO().prepare_in_driver(other, tokens)
