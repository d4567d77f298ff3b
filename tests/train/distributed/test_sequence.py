"""Workers that share rows: the loss and the gradient are those of one worker that holds them whole."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from distilray.planning import Available, plan, training_needs
from distilray.recipe import RecipeError, parse
from distilray.train import CannotTrain, SFTSettings, TrainResources, check_shared_attention
from distilray.train.distributed.sequence import SequenceGroup, SliceCollator
from distilray.train.loop.fixed_order import FixedOrderMixin
from distilray.train.settings import accumulation, worker_counts
from tests.train.launch.test_launcher import ONE, losses, settings, train

SHARED = TrainResources(workers=2, sequence_parallel=2, cpus_per_worker=0.5)


def some(**changes: Any) -> SFTSettings:
    return SFTSettings.model_validate({"student": "tiny", "epochs": 1, "batch_size": 16} | changes)


def test_workers_that_share_rows_count_as_one_when_a_batch_is_shared() -> None:
    resources = TrainResources(workers=8, sequence_parallel=4)
    assert resources.groups == 2
    assert accumulation(some(micro_batch_size=4), resources.groups) == (4, 2)
    elastic = TrainResources(workers=8, min_workers=2, sequence_parallel=2)
    assert worker_counts(some(), elastic) == [2, 4, 8], "6 workers are 3 groups, which cannot share 16 rows"


def test_groups_must_be_whole() -> None:
    with pytest.raises(ValidationError, match="workers 6 is not a multiple of sequence_parallel 4"):
        TrainResources(workers=6, sequence_parallel=4)
    with pytest.raises(ValidationError, match="min_workers 2 is not a multiple of sequence_parallel 4"):
        TrainResources(workers=8, min_workers=2, sequence_parallel=4)


def test_held_out_rows_are_refused_where_workers_share_rows() -> None:
    with pytest.raises(ValueError, match="held-out losses are not supported where workers share rows; set holdout: 0"):
        worker_counts(some(holdout=0.1, evaluate_every=5), SHARED)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("packing: true", "packing needs whole rows in one worker"),
        ("kind: dpo", "kind: dpo needs whole rows"),
        ("kind: distill, teacher: student", "kind: distill needs whole rows"),
    ],
)
def test_kinds_that_need_whole_rows_are_refused_in_the_plan(entry: str, message: str) -> None:
    recipe = RECIPE.replace("kind: sft", "kind: sft, packing: true" if "packing" in entry else entry)
    recipe = recipe.replace("{name: rows, path: rows.jsonl}", "{name: rows, path: rows.jsonl, form: preference}")
    with pytest.raises(RecipeError, match=message):
        plan(parse(recipe, "r", []), "s", Available(96, 8, gpu_gib=80))


RECIPE = """
models: {student: {path: Qwen/Qwen2.5-7B}}
sources: [{name: rows, path: rows.jsonl}]
train: [{kind: sft, student: student, epochs: 1, max_length: 32768, micro_batch_size: 1,
         resources: {workers: 8, gpus_per_worker: 1, sequence_parallel: 4}}]
"""


def test_activations_of_a_worker_are_those_of_its_part_of_the_tokens() -> None:
    shared, alone = (
        training_needs(parse(RECIPE, "r", [f"train.0.resources.sequence_parallel={n}"]), Available(96, 8, gpu_gib=80))
        for n in (4, 1)
    )
    assert shared[0].memory is not None and alone[0].memory is not None
    assert shared[0].memory.activations == pytest.approx(alone[0].memory.activations / 4, rel=1e-3)
    assert shared[0].fits and not alone[0].fits
    assert any("sequence_parallel" in words for words, _ in alone[0].remedies)


def test_heads_that_cannot_be_shared_are_told_with_those_that_can() -> None:
    with pytest.raises(CannotTrain, match="14 attention heads cannot be shared by sequence_parallel 4 workers; use a"):
        check_shared_attention({"num_attention_heads": 14}, 4, "small")
    with pytest.raises(CannotTrain, match="sliding-window attention layers cannot be shared"):
        check_shared_attention({"num_attention_heads": 8, "sliding_window": 4096}, 4, "mistral")
    check_shared_attention({"num_attention_heads": 8, "sliding_window": 4096, "use_sliding_window": False}, 4, "qwen2")
    recipe = RECIPE.replace("Qwen2.5-7B", "Qwen2.5-0.5B")
    with pytest.raises(RecipeError, match="14 attention heads"):
        plan(parse(recipe, "r", []), "s", Available(96, 8, gpu_gib=80))


def test_slices_of_a_batch_are_the_batch_and_each_token_is_foretold_once() -> None:
    ids, labels = torch.arange(1, 15).reshape(2, 7), torch.arange(101, 115).reshape(2, 7)
    whole = lambda rows: {"input_ids": ids, "labels": labels, "attention_mask": torch.ones(2, 7)}  # noqa: E731
    slices = [SliceCollator(whole, SequenceGroup(None, 2, place), 0)([]) for place in range(2)]
    joined = {name: torch.cat([part[name] for part in slices], 1) for name in slices[0]}
    assert joined["input_ids"].tolist() == [[*range(1, 8), 0], [*range(8, 15), 0]]
    assert joined["position_ids"].tolist() == [list(range(8))] * 2
    assert joined["shift_labels"].tolist() == [[*range(102, 108), -100, -100], [*range(109, 115), -100, -100]]
    assert all(part["input_ids"].shape == (2, 4) for part in slices)


def test_a_group_is_dealt_the_same_micro_batches() -> None:
    trainer = FixedOrderMixin.__new__(FixedOrderMixin)
    trainer.group = SequenceGroup(None, 2, 0)
    dealt = trainer._dealt(torch.arange(6).numpy(), 2).reshape(-1, 2).tolist()
    assert dealt == [[0, 1], [0, 1], [2, 3], [2, 3], [4, 5], [4, 5]]


# Two processes over gloo, against one: attention with as many heads of keys as of queries, with fewer, and with one.
PROGRAM = """
import json, os, sys
import torch, torch.distributed as dist
from torch.nn.functional import cross_entropy
from transformers import Qwen2Config, Qwen2ForCausalLM
from distilray.train.distributed.sequence import SliceCollator, sequence_group, split_attention

kv_heads, rank, port = map(int, sys.argv[1:])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
torch.manual_seed(0)
config = Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=kv_heads)
model = Qwen2ForCausalLM(config)
ids, mask = torch.randint(1, 64, (3, 11)), torch.ones(3, 11, dtype=torch.long)
mask[1, 7:] = 0
labels = ids.masked_fill(mask == 0, -100)
model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
alone = {name: p.grad.clone() for name, p in model.named_parameters()}
model.zero_grad()
group = sequence_group(2)
split_attention(model, group)
batch = SliceCollator(lambda rows: {"input_ids": ids, "labels": labels}, group, 0)([])
logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
loss = cross_entropy(logits.flatten(0, 1), batch["shift_labels"].flatten(), reduction="sum")
(loss / (labels[:, 1:] != -100).sum()).backward()
worst = 0.0
for name, p in model.named_parameters():
    dist.all_reduce(p.grad)
    worst = max(worst, (p.grad - alone[name]).abs().max().item())
if rank == 0:
    print(json.dumps({"worst": worst, "largest": max(g.abs().max().item() for g in alone.values())}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_gradients_over_two_processes_are_those_of_one(kv_heads: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, str(kv_heads)]
    second = subprocess.Popen([*command, "1", str(port)])
    first = subprocess.run([*command, "0", str(port)], capture_output=True, text=True, timeout=300)
    assert second.wait(60) == 0
    assert first.returncode == 0, first.stderr[-3000:]
    found = json.loads(first.stdout.strip().splitlines()[-1])
    assert found["largest"] > 0.01
    assert found["worst"] < 1e-5


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("ray_cluster")
def test_a_training_that_shares_rows_has_the_losses_of_one_that_does_not(student: str, tmp_path: Path) -> None:
    shared, _ = train(tmp_path / "shared", student, settings(max_steps=8), SHARED)
    alone, _ = train(tmp_path / "alone", student, settings(max_steps=8), ONE)
    assert losses(shared) == pytest.approx(losses(alone), abs=1e-4)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("sharding", ["ddp", "zero3"])
def test_it_does_so_under_any_sharding(student: str, tmp_path: Path, sharding: str) -> None:
    alone, _ = train(tmp_path / "alone", student, settings(max_steps=8), ONE)
    shared, _ = train(tmp_path / "shared", student, settings(max_steps=8, sharding=sharding), SHARED)
    assert losses(shared) == pytest.approx(losses(alone), abs=1e-3)
