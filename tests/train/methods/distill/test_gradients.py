"""The gradient of distillation's first step, against the losses as papers write them, in fp64 over whole logits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from distilray.storage import Store
from distilray.train.distributed import cpu, sharding
from tests.support import losses_written_out as written
from tests.support.gradients import CLOSE, FirstGradient, apart, exact_model, gradient_of
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.taught import K, score, scored_run, settings, trained
from tests.support.trainer import BATCH, logged, model_at

STORED = 4e-3
"""Most that 16 bits of a stored log-probability may change of the gradient, as a share of its norm."""
SETTINGS = {"max_grad_norm": 0.0}


@pytest.fixture(scope="module")
def run(student: str, teacher: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    store, paths = scored_run(tmp_path_factory.mktemp("run"), student, teacher)
    for path in paths:
        score(store, path, model_at(student), name="itself")
    return store, paths


def first_step(run: tuple[Store, list[str]], student: str, folder: Path, *, micro: int, **told: Any) -> Any:
    """The trainer after its first step, and the gradient of it; rows are in random order, so of uneven lengths."""
    first = FirstGradient()
    how = {"by_length": False, "callbacks": [first]}
    more = {**SETTINGS, **told.pop("more", {})}
    return trained(run, student, folder, micro=micro, more=more, how=how, **told), first.of


def rows_of(trainer: Any) -> list[dict[str, Any]]:
    """The rows of the first step, one after another, where they were packed too."""
    rows = []
    for place in trainer.order[:BATCH]:
        row = trainer.train_dataset[int(place)]
        start = 0
        for length in row.get("seq_lengths") or [len(row["input_ids"])]:
            rows.append({name: row[name][start : start + length] for name in ("input_ids", "labels")})
            start += length
    return rows


def expected(
    student: str, weights: Mapping[str, float], rows: list[dict[str, Any]], **told: Any
) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of a step: means over the trained tokens of all its rows."""
    chosen = settings(**told)
    model, experts = exact_model(student), {exact_model(path): weight for path, weight in weights.items()}
    parts = []
    for row in rows:
        ids = torch.tensor([row["input_ids"]])
        logits = model(ids).logits[0]
        with torch.no_grad():
            theirs = [(expert(ids).logits[0], weight) for expert, weight in experts.items()]
        for place in range(1, len(row["labels"])):
            if row["labels"][place] == -100:
                continue
            q = written.probabilities(logits[place - 1])
            parts.append(-(1 - chosen.kd_weight) * torch.log(q[row["labels"][place]]))
            for other, weight in theirs:
                p = written.probabilities(other[place - 1])
                ids_k = p.topk(chosen.top_k or len(p)).indices.tolist()
                of_p, of_q = (p, q) if chosen.top_k is None else (written.cut(p, ids_k), written.cut(q, ids_k))
                part = written.divergence(of_p, of_q, chosen.divergence, chosen.beta, chosen.temperature)
                parts[-1] = parts[-1] + chosen.kd_weight * weight * part
    loss = torch.stack(parts).mean()
    loss.backward()
    return loss.item(), gradient_of(model)


CASES: dict[str, dict[str, Any]] = {
    "forward": {"source": "live", "top_k": None},
    "reverse": {"source": "live", "top_k": None, "divergence": "reverse_kl"},
    "gkd": {"source": "live", "top_k": None, "divergence": "jsd", "beta": 0.1, "kd_weight": 1.0},
    "gkd at T 2": {"source": "live", "top_k": None, "divergence": "jsd", "temperature": 2.0, "kd_weight": 1.0},
    "mix": {"source": "live", "top_k": None, "divergence": {"forward_kl": 0.2, "reverse_kl": 0.5, "jsd": 0.3}},
    "cut forward": {"source": "live", "kd_weight": 1.0},
    "cut reverse": {"source": "live", "kd_weight": 1.0, "divergence": "reverse_kl"},
    "cut jsd": {"source": "live", "kd_weight": 1.0, "divergence": "jsd", "beta": 0.3},
    "stored forward": {"kd_weight": 1.0},
    "stored reverse": {"kd_weight": 1.0, "divergence": "reverse_kl"},
    "stored jsd": {"divergence": "jsd", "beta": 0.3},
    "stored and packed": {"packing": True},
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_gradient_is_that_of_the_written_out_loss(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path, case: str
) -> None:
    told = CASES[case]
    trainer, found = first_step(run, student, tmp_path, micro=BATCH, teacher=teacher, **told)
    rows = rows_of(trainer)
    assert len(rows) > BATCH if told.get("packing") else len(rows) == BATCH
    loss, gradient = expected(student, {teacher: 1.0}, rows, **told)
    assert logged(trainer, "loss")[0] == pytest.approx(loss, rel=STORED if "stored" in case else 1e-4)
    assert apart(found, gradient) < (STORED if "stored" in case else CLOSE)


@pytest.mark.parametrize("source", ["live", "stored"])
def test_two_teachers_pull_by_their_shares(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path, source: str
) -> None:
    teachers = [{"model": "teacher", "weight": 3}, {"model": "itself", "weight": 1}]
    told = {"teachers": teachers, "source": source, "divergence": "jsd", "kd_weight": 0.8}
    models = {"teacher": teacher, "itself": student}
    trainer, found = first_step(run, student, tmp_path, micro=BATCH, models=models, **told)
    _, gradient = expected(student, {teacher: 0.75, student: 0.25}, rows_of(trainer), **told)
    assert apart(found, gradient) < (STORED if source == "stored" else CLOSE)


def test_a_step_in_uneven_micro_batches_is_the_mean_over_all_its_tokens(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path
) -> None:
    told = {"source": "live", "top_k": None}
    trainer, found = first_step(run, student, tmp_path, micro=2, teacher=teacher, **told)
    rows = rows_of(trainer)
    assert len({sum(label != -100 for label in row["labels"]) for row in rows}) > 4
    assert apart(found, expected(student, {teacher: 1.0}, rows, **told)[1]) < CLOSE


def one_of_two(worker: int, run: str, paths: list[str], student: str, teacher: str, port: int, out: str) -> None:
    with one_of(2, worker, port):
        more = {**sharding.arguments(settings(), 2, ["Qwen2DecoderLayer"]), **cpu.arguments("fsdp"), "bf16": False}
        told = {"source": "live", "top_k": None, "more": more, "workers": 2, "teacher": teacher}
        trainer, found = first_step((Store(run), paths), student, Path(out) / str(worker), micro=2, **told)
        torch.save((rows_of(trainer), found), Path(out) / f"{worker}.pt")


@pytest.mark.slow
def test_two_workers_have_the_gradient_of_all_their_rows_together(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path
) -> None:
    store, paths = run
    mp.spawn(one_of_two, (store.full(""), paths, student, teacher, free_port(), str(tmp_path)), nprocs=2)
    for worker in range(2):
        rows, found = torch.load(tmp_path / f"{worker}.pt")
        assert apart(found, expected(student, {teacher: 1.0}, rows, source="live", top_k=None)[1]) < CLOSE


def test_what_is_cut_to_all_tokens_is_not_cut(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path
) -> None:
    whole = {"source": "live", "top_k": None, "kd_weight": 1.0}
    vocabulary = model_at(student).config.vocab_size
    _, one = first_step(run, student, tmp_path / "whole", micro=BATCH, teacher=teacher, **whole)
    _, cut = first_step(run, student, tmp_path / "cut", micro=BATCH, teacher=teacher, **{**whole, "top_k": vocabulary})
    _, less = first_step(run, student, tmp_path / "less", micro=BATCH, teacher=teacher, **{**whole, "top_k": K})
    assert apart(cut, one) < CLOSE
    assert apart(less, one) > 0.01
