"""What trainings take of their machines: memory while loading, offloading and exporting, and files."""

from __future__ import annotations

from typing import Any

import pytest

from distilray.checkpoints.published import QWEN2_5
from distilray.train import DPOSettings, SFTSettings, TrainResources
from distilray.train.memory.estimate import GIB, Costs
from distilray.train.memory.nodes import GPU_WORKER, FilesPlan, files_plan, host_plan
from distilray.train.memory.proposals import proposals
from distilray.train.memory.shape import Shape
from distilray.train.methods.dpo.method import DPO

QWEN_32B = QWEN2_5["32B"]
P = Shape.of(QWEN_32B).parameters
EIGHT, SIXTEEN = TrainResources(workers=8, gpus_per_worker=1), TrainResources(workers=16, gpus_per_worker=1)


def settings(**changes: object) -> SFTSettings:
    return SFTSettings.model_validate({"student": "x", "epochs": 1, "activation_checkpointing": True, **changes})


def files(chosen: SFTSettings, nodes: int = 1, config: dict[str, Any] = QWEN_32B) -> FilesPlan:
    return files_plan(config, chosen, EIGHT, 1e9, nodes=nodes)


@pytest.mark.parametrize(
    ("changes", "loading"),
    [({}, 4 * P), ({"sharding": "ddp"}, 32 * P), ({"sharding": "zero2"}, 32 * P), ({"sharding": "zero3"}, 2 * P),
     ({"lora": {"r": 16}}, 2 * P), ({"lora": {"r": 16}, "precision": "fp32"}, 4 * P)],
)  # fmt: skip
def test_one_worker_reads_where_weights_are_sharded(changes: dict[str, Any], loading: int) -> None:
    assert host_plan(QWEN_32B, settings(**changes), EIGHT).loading == loading


def test_four_bits_are_read_layer_by_layer() -> None:
    four = settings(lora={"r": 16, "quantize": "nf4"}, sharding="ddp")
    assert host_plan(QWEN_32B, four, EIGHT).loading < 16 * P / 8


def test_a_live_reference_is_read_beside_the_student_and_a_cached_one_before_it() -> None:
    def loading(**changes: Any) -> int:
        chosen = DPOSettings.model_validate({"student": "s", "epochs": 1, **changes})
        costs = DPO().costs(chosen)
        return host_plan(QWEN_32B, chosen, EIGHT, beside=[QWEN_32B for _ in costs.beside], costs=costs).loading

    assert loading(reference_by="live") == 8 * P
    assert loading(reference_by="workers") == 4 * P
    assert loading(reference_by="live", lora={"r": 16}) == 2 * P
    assert loading(reference_by="workers", lora={"r": 16}) == 2 * P  # in bf16, as the frozen weights
    assert loading(reference_by="live", reference="teacher", lora={"r": 16}) == 4 * P


def test_one_teacher_is_read_at_a_time() -> None:
    teacher = Shape.of(QWEN2_5["72B"]).parameters
    two = host_plan(QWEN_32B, settings(), EIGHT, beside=[QWEN2_5["72B"]] * 2, costs=Costs(beside=("a", "b")))
    assert two.loading == 4 * P + 2 * teacher


def test_offloaded_state_is_shared_by_the_machines() -> None:
    one = host_plan(QWEN_32B, settings(offload=True), EIGHT)
    assert one.offloaded == pytest.approx(16 * P, rel=1e-6)
    assert host_plan(QWEN_32B, settings(offload=True), SIXTEEN, nodes=2).offloaded == pytest.approx(8 * P, rel=1e-6)
    assert one.total == one.processes + one.loading + one.offloaded
    assert host_plan(QWEN_32B, settings(), EIGHT).offloaded == 0
    assert one.processes == 8 * GPU_WORKER


def test_an_export_of_merged_adapters_needs_the_student() -> None:
    merged = host_plan(QWEN_32B, settings(lora={"r": 16}), EIGHT).exporting
    assert 2 * P < merged < 2.2 * P
    assert host_plan(QWEN_32B, settings(lora={"r": 16, "merge": False}), EIGHT).exporting < 0.1 * P


def test_a_checkpoint_holds_twelve_bytes_for_each_trained_number() -> None:
    assert files(settings()).checkpoint == files(settings(sharding="ddp")).checkpoint == 12 * P
    adapters = settings(lora={"r": 16})
    assert adapters.lora is not None
    assert files(adapters).checkpoint == 12 * Shape.of(QWEN_32B).adapter_parameters(adapters.lora)
    assert files(settings(sharding="zero3")).checkpoint == 14 * P


def test_machines_share_the_writing_of_a_checkpoint_but_under_ddp() -> None:
    one, two, ddp = files(settings()), files(settings(), nodes=2), files(settings(sharding="ddp"), nodes=2)
    assert one.checkpoint_s == pytest.approx(12 * P / 1e9) == 2 * two.checkpoint_s
    assert ddp.checkpoint_s == one.checkpoint_s
    assert one.read_s == one.export_s == pytest.approx(2 * P / 1e9)


def test_a_checkpoint_in_fp32_is_exported_in_fp32() -> None:
    assert files(settings(), config={**QWEN_32B, "dtype": "float32"}).export == 4 * P
    assert files(settings(), config={**QWEN_32B, "torch_dtype": "float16"}).export == 2 * P
    assert files(settings(lora={"r": 16, "merge": False})).export < 0.01 * P


def test_workers_on_cpus_hold_everything_in_their_machine() -> None:
    small = QWEN2_5["0.5B"]
    one, two = (host_plan(small, settings(), TrainResources(workers=count)) for count in (1, 2))
    assert one.loading == one.offloaded == one.exporting == 0
    assert one.total > 16 * Shape.of(small).parameters
    assert two.total > one.total


def test_what_a_machine_cannot_hold_gets_proposals_that_it_can() -> None:
    offloaded = settings(offload=True)
    need = host_plan(QWEN_32B, offloaded, EIGHT).total
    found = proposals(QWEN_32B, offloaded, EIGHT, 80 * GIB, host_limit=need - 1)
    assert found and all("offload: true" not in words for words, _ in found)
    assert found[0][0].startswith("offload: false")
    assert proposals(QWEN_32B, offloaded, EIGHT, 80 * GIB, host_limit=10 * GIB) == []
