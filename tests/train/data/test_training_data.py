from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import add_fused_lm_head

from distilray.storage import Store
from distilray.train import SFTSettings
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import open_feed, write_feed
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units

SETTINGS = SFTSettings(student="tiny", epochs=1, max_length=256)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "run")


def token_files(store: Store, student: str, made: list[dict[str, Any]]) -> list[str]:
    paths = []
    for number, unit in enumerate(write_units(store, made)):
        paths.append(f"tokens/unit-{number:06d}.parquet")
        tokenize_unit(spec_of(store, SETTINGS, student), unit, paths[-1], "key")
    return paths


def test_only_kept_rows_are_fed(student: str, store: Store, tmp_path: Path) -> None:
    made = rows(100)
    made[7]["answer"] = None
    write_feed(store, token_files(store, student, made), str(tmp_path / "feed"), holdout=0, pack_to=None)
    feed = open_feed(str(tmp_path / "feed"), packed=False)
    assert feed.train["id"] == [row["id"] for row in made if row["answer"]]
    assert feed.held_out is None
    assert feed.lengths.tolist() == [len(ids) for ids in feed.train["input_ids"]]


def test_held_out_rows_are_the_same_ones_in_any_order_and_never_trained_on(
    student: str, store: Store, tmp_path: Path
) -> None:
    paths = token_files(store, student, rows(200))
    write_feed(store, paths, str(tmp_path / "a"), holdout=0.2, pack_to=None)
    write_feed(store, paths[::-1], str(tmp_path / "b"), holdout=0.2, pack_to=None)
    first, second = open_feed(str(tmp_path / "a"), packed=False), open_feed(str(tmp_path / "b"), packed=False)
    held = set(first.held_out["id"])
    assert held == set(second.held_out["id"])
    assert held.isdisjoint(first.train["id"])
    assert 20 < len(held) < 60


def test_packing_fills_sequences_with_whole_rows(student: str, store: Store, tmp_path: Path) -> None:
    paths = token_files(store, student, rows(100))
    write_feed(store, paths, str(tmp_path / "feed"), holdout=0, pack_to=256)
    rows_fed, packs = open_feed(str(tmp_path / "feed"), packed=False), open_feed(str(tmp_path / "feed"), packed=True)
    assert packs.lengths.max() <= 256
    assert packs.lengths.sum() == rows_fed.lengths.sum()
    assert packs.lengths.mean() > 200


def test_packed_rows_cannot_see_each_other(student: str, store: Store, tmp_path: Path) -> None:
    paths = token_files(store, student, rows(12))
    write_feed(store, paths, str(tmp_path / "feed"), holdout=0, pack_to=256)
    single, packed = open_feed(str(tmp_path / "feed"), packed=False), open_feed(str(tmp_path / "feed"), packed=True)
    alone = sorted(per_token for row in single.train for per_token in log_probs(student, [row], padding_free=False))
    together = sorted(per_token for per_token in log_probs(student, list(packed.train), padding_free=True))
    assert len(alone) == len(together)
    torch.testing.assert_close(torch.tensor(together), torch.tensor(alone), rtol=1e-4, atol=1e-4)


def test_the_comparison_above_would_see_a_leak(student: str, store: Store, tmp_path: Path) -> None:
    paths = token_files(store, student, rows(12))
    write_feed(store, paths, str(tmp_path / "feed"), holdout=0, pack_to=256)
    single, packed = open_feed(str(tmp_path / "feed"), packed=False), open_feed(str(tmp_path / "feed"), packed=True)
    one_document = [{**row, "seq_lengths": [len(row["input_ids"])]} for row in packed.train]
    alone = sorted(per_token for row in single.train for per_token in log_probs(student, [row], padding_free=False))
    leaking = sorted(log_probs(student, one_document, padding_free=True))[: len(alone)]
    assert (torch.tensor(leaking) - torch.tensor(alone[: len(leaking)])).abs().max() > 1e-2


def log_probs(student: str, examples: list[dict[str, Any]], *, padding_free: bool) -> list[float]:
    """Log-probabilities of all trained tokens, through the collator and head that the trainer uses."""
    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32)
    add_fused_lm_head(model)
    names = {"input_ids", "labels", "seq_lengths"} if padding_free else {"input_ids", "labels"}
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=padding_free)
    batch = collate([{name: row[name] for name in names} for row in examples])
    with torch.no_grad():
        out = model(**batch, use_cache=False, fused_lm_head=True)
    return out.log_probs[out.label_mask].tolist()
