"""The gradient of every method's first step under the real Qwen2.5 tokenizer, 151,936 tokens and its own template,
against the losses as papers write them, in fp64 over whole logits: norm and direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train import SFTSettings, StepByStepSettings, method_named
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import open_feed, write_feed
from distilray.train.methods.simpo.settings import SimPOSettings
from distilray.train.methods.step_by_step.targets import LABEL, RATIONALE
from distilray.train.scoring.references import CHOSEN, REJECTED
from distilray.train.settings import IGNORED
from tests.support import losses_written_out as written
from tests.support import pairs, taught
from tests.support.checkpoints import random_qwen2
from tests.support.gradients import CLOSE, FirstGradient, apart, exact_model, gradient_of
from tests.support.preferred import (
    Answers,
    answers,
    feed_of,
    first_step,
    joined_feed,
    made_up,
    pairs_in_fp64,
    tokenized_pairs,
    trainer_on,
)
from tests.support.preferred import job as pair_job
from tests.support.ranks import alone
from tests.support.specs import spec_of
from tests.support.templates import FAMILIES, real_tokenizer
from tests.support.tiny import rows, write_units
from tests.support.trainer import BATCH, arguments_in, logged, trained_here

pytestmark = [pytest.mark.slow, pytest.mark.long]

VOCABULARY = 151_936


@pytest.fixture(scope="module", autouse=True)
def group() -> Iterator[None]:
    with alone():
        yield


def model_in(folder: Path, seed: int) -> str:
    place = real_tokenizer(folder, FAMILIES["qwen2.5-base"])
    model = random_qwen2(
        AutoTokenizer.from_pretrained(place), vocab_size=VOCABULARY, hidden_size=16, intermediate_size=32,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=512,
    )  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():  # likely tokens are likely: as uniform ones teach nothing
            spread = 1.0 if weight.shape[0] == VOCABULARY else 0.1
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)) * spread)
    model.save_pretrained(place)
    return str(place)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A student and a teacher."""
    folder = tmp_path_factory.mktemp("real")
    return model_in(folder / "student", 1), model_in(folder / "teacher", 2)


def answered(student: str, folder: Path, chosen: Any) -> Any:
    """The trainer of a method on answers after its first step, and the gradient."""
    store, first = Store(folder / "run"), FirstGradient()
    (unit,) = write_units(store, rows(BATCH), size=BATCH)
    path = f"training/{chosen.kind}/tokens/unit-000000.parquet"
    tokenize_unit(spec_of(store, chosen, student), unit, path, "key")
    write_feed(store, [path], str(folder / "feed"), holdout=0, pack_to=None)
    feed = open_feed(str(folder / "feed"), packed=False)
    work: Any = SimpleNamespace(store=store, tokens=[path], settings=chosen, models={})
    arguments = arguments_in(folder, steps=1, micro=BATCH, workers=1, evaluate=False) | {"max_grad_norm": 0.0}
    trainer = trained_here(method_named(chosen.kind), work, arguments, feed, student, callbacks=[first])
    return trainer, list(feed.train), first.of


def token_losses(model: Any, ids: list[int], labels: list[int]) -> list[torch.Tensor]:
    logits = model(torch.tensor([ids])).logits[0]
    return [
        -torch.log(written.probabilities(logits[place - 1])[labels[place]])
        for place in range(1, len(ids))
        if labels[place] != IGNORED
    ]


def close(found: dict[str, torch.Tensor], exact: dict[str, torch.Tensor]) -> None:
    """Norm and direction."""
    assert apart(found, exact) < CLOSE
    one, other = (torch.cat([some[name].flatten() for name in sorted(exact)]) for some in (found, exact))
    assert (one.norm() / other.norm()).item() == pytest.approx(1, abs=CLOSE)
    assert torch.nn.functional.cosine_similarity(one, other, dim=0).item() == pytest.approx(1, abs=1e-6)


def test_fine_tuning(models: tuple[str, str], tmp_path: Path) -> None:
    student, _ = models
    trainer, data, found = answered(student, tmp_path, SFTSettings(student="s", max_steps=1, max_length=256))
    model = exact_model(student)
    loss = torch.stack([one for row in data for one in token_losses(model, row["input_ids"], row["labels"])]).mean()
    loss.backward()
    assert logged(trainer, "loss")[0] == pytest.approx(loss.item(), rel=1e-5)
    close(found, gradient_of(model))


def test_two_targets_per_row(models: tuple[str, str], tmp_path: Path) -> None:
    student, _ = models
    chosen = StepByStepSettings(student="s", max_steps=1, max_length=256, rationale_weight=0.7)
    trainer, data, found = answered(student, tmp_path, chosen)
    model, losses = exact_model(student), {LABEL: [], RATIONALE: []}
    for row in data:
        for target in losses:
            places = [k for k, some in enumerate(row["targets"]) if some == target]
            ids, labels = ([row[name][k] for k in places] for name in ("input_ids", "labels"))
            losses[target] += token_losses(model, ids, labels)
    label, rationale = (torch.stack(losses[target]) for target in (LABEL, RATIONALE))
    loss = label.mean() + 0.7 * rationale.mean()
    loss.backward()
    assert logged(trainer, "loss")[0] == pytest.approx(loss.item(), rel=1e-5)
    close(found, gradient_of(model))


@pytest.mark.parametrize("top_k", [None, taught.K])
def test_distillation_from_a_live_teacher(models: tuple[str, str], tmp_path: Path, top_k: int | None) -> None:
    student, teacher = models
    run, first = taught.scored_run(tmp_path / "run", student, teacher), FirstGradient()
    told: dict[str, Any] = {"source": "live", "top_k": top_k, "kd_weight": 1.0}
    how = {"by_length": False, "callbacks": [first]}
    more = {"max_grad_norm": 0.0}
    trainer = taught.trained(run, student, tmp_path / "t", teacher=teacher, how=how, more=more, **told)
    model, expert, parts = exact_model(student), exact_model(teacher), []
    for place in trainer.order[:BATCH]:
        row = trainer.train_dataset[int(place)]
        ids = torch.tensor([row["input_ids"]])
        logits = model(ids).logits[0]
        with torch.no_grad():
            theirs = expert(ids).logits[0]
        for k, label in enumerate(row["labels"][1:]):
            if label == IGNORED:
                continue
            p, q = written.probabilities(theirs[k]), written.probabilities(logits[k])
            if top_k:
                best = p.topk(top_k).indices
                p, q = (torch.cat([some[best], 1 - some[best].sum()[None]]) for some in (p, q))
            parts.append(written.forward_kl(p, q))
    loss = torch.stack(parts).mean()
    loss.backward()
    assert logged(trainer, "loss")[0] == pytest.approx(loss.item(), rel=1e-4)
    close(first.of, gradient_of(model))


def sigmoid(row: dict[str, Any], pair: Answers) -> torch.Tensor:
    theirs = (torch.tensor(row[name]).double() for name in (CHOSEN, REJECTED))
    return written.dpo("sigmoid", *pair, *theirs, 0.2)


def simpo(row: dict[str, Any], pair: Answers) -> torch.Tensor:
    return written.simpo(*pair, 2.0, 1.0)


@pytest.mark.parametrize(
    ("chosen", "loss_of"),
    [
        (pairs.settings(beta=0.2, row_beta=False), sigmoid),
        (SimPOSettings(student="tiny", epochs=1, beta=2.0, margin=1.0, precision="fp32"), simpo),
    ],
    ids=["dpo", "simpo"],
)
def test_preferences(
    models: tuple[str, str], tmp_path: Path, chosen: Any, loss_of: Callable[[dict[str, Any], Answers], torch.Tensor]
) -> None:
    student, _ = models
    store = tokenized_pairs(tmp_path / "run", student)
    if chosen.kind == "dpo":
        feed = feed_of(store, tmp_path / "feed", lambda _, table: made_up(table))
    else:
        feed = joined_feed(store, tmp_path / "feed", pair_job(store, student, chosen))
    value, found = first_step(trainer_on(store, student, feed, tmp_path, chosen, max_grad_norm=0.0))
    loss, exact = pairs_in_fp64(student, list(feed.train)[:4], loss_of)
    assert value == pytest.approx(loss, rel=1e-4)
    close(found, exact)


def test_preferences_against_a_teacher(models: tuple[str, str], tmp_path: Path) -> None:
    student, teacher = models
    chosen = pairs.settings(reference="teacher", reference_by="live", loss="sigmoid_norm", row_beta=False)
    known = {"teacher": VLLMModel(path=teacher)}
    store = tokenized_pairs(tmp_path / "run", student)
    work = pair_job(store, student, chosen)
    work.models.update(known)
    feed = joined_feed(store, tmp_path / "feed", work)
    value, found = first_step(trainer_on(store, student, feed, tmp_path, chosen, known, max_grad_norm=0.0))
    reference = exact_model(teacher)

    def loss_of(row: dict[str, Any], pair: Answers) -> torch.Tensor:
        with torch.no_grad():
            theirs = answers(reference, row)
        return written.dpo("sigmoid_norm", *pair, *theirs, chosen.beta)

    loss, exact = pairs_in_fp64(student, list(feed.train)[:4], loss_of)
    assert value == pytest.approx(loss, rel=1e-4)
    close(found, exact)
