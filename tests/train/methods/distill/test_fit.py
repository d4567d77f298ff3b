"""Distillation on a real Ray cluster: a vLLM engine of the teacher scores, two FSDP2 workers train, in rounds too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train import CannotTrain, Engines, TokenManifest, TrainingSpec, TrainResources, prepare_tokens
from distilray.train.loop.metrics import read_metrics
from distilray.train.methods.distill import rounds
from distilray.train.methods.distill.divergence import top_k_of
from distilray.train.methods.distill.method import Distill
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.scoring.scores import read_scores, scores_path, token_rows
from tests.support import tiny
from tests.support.specs import spec_of
from tests.support.taught import FORWARD, K, logits_of, settings
from tests.support.trainer import model_at

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

OUT = "training/distill"
TWO = TrainResources(workers=2, cpus_per_worker=0.5)
ENGINE = {"dtype": "float32", "max_model_len": 256, "kv_cache_gib": 0.125, "max_num_seqs": 32, "cpus": 0.5}


def chosen(**changes: Any) -> DistillSettings:
    base = {
        "epochs": None, "max_steps": 6, "batch_size": 16, "micro_batch_size": 4, "learning_rate": 3e-3,
        "precision": "fp32", "log_every": 1, "save_every": 2,
    }  # fmt: skip
    return settings(**{**base, **changes})


def before(
    store: Store, student: str, teacher: str, logs: Path, wanted: DistillSettings
) -> tuple[TrainingSpec, TokenManifest]:
    models = {"teacher": VLLMModel(path=teacher, **ENGINE), "tiny": VLLMModel(path=student, **ENGINE)}
    engines = Engines("test-distill", str(logs))
    spec = spec_of(store, wanted, student, OUT, models=models, engines=engines, resources=TWO)
    return spec, prepare_tokens(spec, tiny.write_units(store, tiny.rows(96), size=48))


def figures(store: Store, name: str) -> list[float]:
    return [record[name] for record in read_metrics(store, OUT) if name in record]


def written(store: Store, *paths: str) -> list[int]:
    return [Path(store.full(path)).stat().st_mtime_ns for path in paths]


def test_an_engine_scores_and_two_workers_distil(student: str, teacher: str, tmp_path: Path) -> None:
    store, wanted = Store(tmp_path / "run"), chosen()
    spec, tokens = before(store, student, teacher, tmp_path / "logs", wanted)
    Distill().prepare_in_driver(spec, tokens)
    expert, learner = model_at(teacher), model_at(student)
    names = [scores_path(path, "teacher") for path in tokens.paths]
    for path, scores in zip(tokens.paths, names, strict=True):
        stored = read_scores(store, scores)
        assert stored.keys() == {row["id"] for row in token_rows(store, path)}
        for row in token_rows(store, path)[:8]:
            dense = top_k_of(logits_of(expert, row), K)
            found = FORWARD.of(*dense.of(logits_of(learner, row))).mean()
            kept = stored[row["id"]]
            of_engine = type(dense)(*(_tensor(getattr(kept, name)) for name in ("ids", "log_probs", "rest")))
            assert FORWARD.of(*of_engine.of(logits_of(learner, row))).mean().item() == pytest.approx(
                found.item(), abs=1e-4
            )
    at = written(store, *names)
    Distill().prepare_in_driver(spec, tokens)  # what is there is not asked for again
    assert written(store, *names) == at
    manifest = Distill().fit(spec, tokens)
    assert manifest.details["kind"] == "distill"
    assert figures(store, "divergence")[-1] < figures(store, "divergence")[0]
    for loss, lm, divergence in zip(*(figures(store, n) for n in ("loss", "lm_loss", "divergence")), strict=True):
        assert loss == pytest.approx(0.5 * lm + 0.5 * divergence, rel=1e-3)


def _tensor(values: Any) -> Any:
    import torch

    return torch.from_numpy(values.copy())


@pytest.mark.long
def test_rows_that_the_teacher_cannot_read_are_refused_before_training(
    student: str, teacher: str, tmp_path: Path
) -> None:
    spec, tokens = before(Store(tmp_path / "run"), student, teacher, tmp_path / "logs", chosen())
    short = spec.models["teacher"].model_copy(update={"max_model_len": 64})
    spec = replace(spec, models={**spec.models, "teacher": short})
    with pytest.raises(CannotTrain, match=r"the longest row has \d+ tokens, but the teacher 'teacher' reads 63"):
        Distill().prepare_in_driver(spec, tokens)


@pytest.mark.long
def test_zero3_distils_as_fsdp_does(student: str, teacher: str, tmp_path: Path) -> None:
    curves = []
    for sharding in ("fsdp", "zero3"):
        store, wanted = Store(tmp_path / sharding), chosen(sharding=sharding, source="live")
        spec, tokens = before(store, student, teacher, tmp_path / "logs", wanted)
        manifest = Distill().fit(spec, tokens)
        assert manifest.details["sharding"] == sharding
        curves.append(figures(store, "divergence"))
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


@pytest.mark.long
def test_rounds_sample_score_and_train_and_go_on_where_they_were(
    student: str, teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"rounds": 2, "max_tokens": 24}
    store, wanted = Store(tmp_path / "run"), chosen(max_steps=6, on_policy=own, divergence="jsd", kd_weight=1.0)
    spec, tokens = before(store, student, teacher, tmp_path / "logs", wanted)
    launch, launched = rounds.launch, []

    def lights_out(*arguments: Any) -> None:
        launched.append(arguments[-1])
        if len(launched) == 2:
            raise RuntimeError("the lights went out")
        launch(*arguments)

    monkeypatch.setattr(rounds, "launch", lights_out)
    with pytest.raises(RuntimeError, match="lights"):
        Distill().fit(spec, tokens)
    assert [record["step"] for record in read_metrics(store, OUT)] == [1, 2, 3]
    asked = [path for path in store.files_below(OUT) if "/round-0" in path and path.endswith(".parquet")]
    assert any("round-02/scores" in path for path in asked)
    at = written(store, *asked)

    manifest = Distill().fit(spec, tokens)  # samples and scores of round 2 are there
    assert written(store, *asked) == at
    assert launched[1] == launched[2]
    assert [record["step"] for record in read_metrics(store, OUT)] == [1, 2, 3, 4, 5, 6]
    assert [entry["round"] for entry in manifest.details["rounds"]] == [1, 2]
    print(json.dumps(manifest.details["rounds"]))
    assert store.names(f"{OUT}/final") == store.names(f"{OUT}/round-02/student")
    gold = {row["id"]: row["input_ids"] for path in tokens.paths for row in token_rows(store, path)}
    first = [row for path in sorted(asked) if "round-01/tokens" in path for row in token_rows(store, path)]
    assert len(first) >= 24
    assert all(row["input_ids"] != gold[row["id"]] for row in first)
