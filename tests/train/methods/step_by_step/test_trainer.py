"""The trainer in this process: two losses, each the mean over its target's tokens in the whole optimizer step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from distilray.storage import Store
from distilray.train.data.training_data import kept_tokens
from distilray.train.methods.step_by_step.targets import LABEL, RATIONALE
from distilray.train.methods.step_by_step.trainer import TargetCollator, sequences_of
from tests.support.trainer import BATCH, logged
from tests.support.two_targets import trained, written

FIGURES = ("loss", "label_loss", "rationale_loss")


@pytest.fixture(scope="module")
def run(student: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    return written(tmp_path_factory.mktemp("run"), student)


@pytest.fixture(scope="module")
def whole(run: tuple[Store, list[str]], student: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return trained(run, student, tmp_path_factory.mktemp("whole") / "at", rationale_weight=0.5)


def by_hand(student: str, rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean loss over the trained tokens of all labels, and of all rationales, one sequence at a time."""
    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32).eval()
    sums, counts = {LABEL: 0.0, RATIONALE: 0.0}, {LABEL: 0, RATIONALE: 0}
    for row in rows:
        for part in sequences_of(row):
            ids, labels = torch.tensor([part["input_ids"]]), torch.tensor(part["labels"])
            with torch.no_grad():
                log_probs = model(input_ids=ids).logits[0].log_softmax(-1)
            for place in range(1, len(labels)):
                if labels[place] != -100:
                    sums[part["targets"][0]] -= log_probs[place - 1, labels[place]].item()
                    counts[part["targets"][0]] += 1
    return sums[LABEL] / counts[LABEL], sums[RATIONALE] / counts[RATIONALE]


def test_each_loss_is_the_mean_over_its_targets_tokens_in_the_whole_batch(
    run: tuple[Store, list[str]], student: str, whole: Any
) -> None:
    first = [whole.train_dataset[int(k)] for k in whole.order[:BATCH]]
    label, rationale = by_hand(student, first)
    assert label != pytest.approx(rationale, abs=1e-3)
    assert logged(whole, "label_loss")[0] == pytest.approx(label, abs=2e-4)
    assert logged(whole, "rationale_loss")[0] == pytest.approx(rationale, abs=2e-4)


def test_the_loss_is_the_label_loss_and_the_weighted_rationale_loss(whole: Any) -> None:
    for loss, label, rationale in zip(*(logged(whole, name) for name in FIGURES), strict=True):
        assert loss == pytest.approx(label + 0.5 * rationale, abs=2e-4)
    assert logged(whole, "label_loss")[-1] < logged(whole, "label_loss")[0]
    assert logged(whole, "rationale_loss")[-1] < logged(whole, "rationale_loss")[0]


def test_accumulation_changes_nothing(run: tuple[Store, list[str]], student: str, tmp_path: Path, whole: Any) -> None:
    parts = trained(run, student, tmp_path / "parts", micro=2, rationale_weight=0.5)
    for name in FIGURES:
        assert logged(parts, name) == pytest.approx(logged(whole, name), abs=1e-3), name


def test_without_weight_the_rationales_are_measured_but_not_learned(
    run: tuple[Store, list[str]], student: str, tmp_path: Path, whole: Any
) -> None:
    labels = trained(run, student, tmp_path / "labels", rationale_weight=0.0)
    assert logged(labels, "loss") == pytest.approx(logged(labels, "label_loss"), abs=1e-4)
    assert logged(labels, "rationale_loss")[-1] > logged(whole, "rationale_loss")[-1] + 0.05


def test_packed_rows_have_the_losses_of_unpacked_ones(
    run: tuple[Store, list[str]], student: str, tmp_path: Path
) -> None:
    packed = trained(run, student, tmp_path / "packed", packing=True, micro=4, steps=2)
    numbers = [int(k) for k in packed.order[:BATCH]]
    assert len(packed.train_dataset) < 64  # several rows share a sequence
    rows = {row["id"]: row for path in run[1] for row in kept_tokens(run[0], path).to_pylist()}
    ids = [i for number in numbers for i in packed.watch.ids(number)]
    label, rationale = by_hand(student, [rows[i] for i in ids])
    assert logged(packed, "label_loss")[0] == pytest.approx(label, abs=2e-4)
    assert logged(packed, "rationale_loss")[0] == pytest.approx(rationale, abs=2e-4)


def test_held_out_losses_are_told_apart_too(run: tuple[Store, list[str]], student: str, tmp_path: Path) -> None:
    held = trained(run, student, tmp_path / "held", holdout=0.2, rationale_weight=0.25)
    [loss], [label], [rationale] = (logged(held, f"eval_{name}") for name in FIGURES)
    rows = [held.eval_dataset[k] for k in range(len(held.eval_dataset))]
    held.model.save_pretrained(tmp_path / "after")
    assert (label, rationale) == pytest.approx(by_hand(str(tmp_path / "after"), rows), abs=2e-4)
    assert loss == pytest.approx(label + 0.25 * rationale, abs=1e-5)


def test_a_batch_holds_each_target_as_a_sequence_of_its_own() -> None:
    row = {"input_ids": [5, 6, 7, 8, 9], "labels": [-100, 6, -100, 8, 9], "targets": [1, 1, 2, 2, 2]}
    batch = TargetCollator(pad_token_id=0)([row, row])
    assert batch["input_ids"].tolist() == [[5, 6, 0], [7, 8, 9]] * 2
    assert batch["targets"].tolist() == [[1, 1, 0], [2, 2, 2]] * 2
    packed = TargetCollator(pad_token_id=0, padding_free=True)([row | {"seq_lengths": [5]}])
    assert packed["position_ids"].tolist() == [[0, 1, 0, 1, 2]]
    assert packed["targets"].tolist() == [[1, 1, 2, 2, 2]]
