from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import record, train_memory
from distilray.checkpoints.published import QWEN2_5, published_config
from distilray.train import DPOSettings, SFTSettings, TrainResources
from distilray.train.memory.estimate import GIB, Costs, memory_plan
from distilray.train.memory.proposals import proposals
from distilray.train.memory.shape import Shape
from distilray.train.methods.distill.method import Distill
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.methods.dpo.method import DPO
from distilray.train.methods.sft.method import SFT

QWEN_7B = QWEN2_5["7B"]
EIGHT = TrainResources(workers=8, gpus_per_worker=1)
ONE = TrainResources(workers=1, gpus_per_worker=1)


def settings(**changes: object) -> SFTSettings:
    base = {"student": "x", "epochs": 1, "max_length": 4096, "batch_size": 64, "micro_batch_size": 1}
    return SFTSettings.model_validate({**base, **changes})


def test_parameters_are_those_of_the_published_models() -> None:
    billions = {"0.5B": 0.494, "1.5B": 1.544, "3B": 3.086, "7B": 7.616, "14B": 14.770, "32B": 32.764, "72B": 72.706}
    assert {name: round(Shape.of(config).parameters / 1e9, 3) for name, config in QWEN2_5.items()} == billions


def test_a_published_model_is_known_by_its_name_and_others_are_not() -> None:
    assert published_config("Qwen/Qwen2.5-7B-Instruct") == QWEN_7B
    assert published_config("Qwen/Qwen2.5-7B") == QWEN_7B
    assert published_config("Qwen/Qwen2.5-Math-7B") is None
    assert published_config("me/Qwen2.5-7B") is None


def test_parameters_agree_with_a_model_that_is_built(student: str) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(student)
    assert Shape.of(model.config.to_dict()).parameters == model.num_parameters()


def test_adapters_are_as_many_as_peft_makes(student: str) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    chosen = settings(lora={"r": 4}).lora
    assert chosen is not None
    model = AutoModelForCausalLM.from_pretrained(student)
    shape = Shape.of(model.config.to_dict())
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert shape.adapter_parameters(chosen) == adapted.get_nb_trainable_parameters()[0]


def test_full_training_of_7b_fits_eight_gpus_of_80_gb_when_sharded_but_not_otherwise() -> None:
    assert memory_plan(QWEN_7B, settings(activation_checkpointing=True), EIGHT).total < 80 * GIB
    assert memory_plan(QWEN_7B, settings(activation_checkpointing=True, sharding="ddp"), EIGHT).total > 80 * GIB


def test_states_shrink_with_workers_and_activations_do_not() -> None:
    sixteen = TrainResources(workers=16, gpus_per_worker=1)
    few, many = memory_plan(QWEN_7B, settings(), EIGHT), memory_plan(QWEN_7B, settings(), sixteen)
    assert many.optimizer == few.optimizer // 2
    assert many.activations == few.activations


def test_the_peak_is_at_most_the_sum_of_its_parts_and_at_least_what_is_always_held() -> None:
    for changes in ({}, {"activation_checkpointing": True}, {"sharding": "ddp"}, {"lora": {"r": 8}}, {"batch_size": 8}):
        plan = memory_plan(QWEN_7B, settings(**changes), EIGHT)
        parts = (plan.weights, plan.gradients, plan.optimizer, plan.gathered, plan.activations, plan.logits)
        assert plan.weights + plan.optimizer < plan.peak <= sum(parts) + 8 * Shape.of(QWEN_7B).head_parameters


ON_AN_H200 = {"1.5B": {}, "1.5B, compiled": {"compile": True}, "7B LoRA": {"lora": {"r": 16}},
              "7B LoRA, compiled": {"lora": {"r": 16}, "compile": True}}  # fmt: skip


@pytest.mark.parametrize("stage", ON_AN_H200)
def test_what_a_gpu_allocated_is_what_the_plan_says(stage: str) -> None:
    kept = json.loads((record.RESULTS / "gpu" / "nvidia-h200.json").read_text("utf-8"))["stages"]
    parts = {part["part"]: part for one in kept if one["stage"] == stage for part in one["parts"]}
    chosen = settings(
        sharding="ddp", batch_size=8, micro_batch_size=8, activation_checkpointing=True, **ON_AN_H200[stage]
    )
    plan = memory_plan(QWEN2_5[stage.split()[0].rstrip(",")], chosen, ONE)
    assert plan.peak / GIB == pytest.approx(parts["memory"]["allocated_gib"], rel=0.05)
    assert plan.total / GIB > parts["memory"]["allocated_gib"] + 0.75, "and the context"


def test_a_vocabulary_of_150k_does_not_dominate_whatever_the_length() -> None:
    plan = memory_plan(QWEN_7B, settings(micro_batch_size=8, batch_size=64), EIGHT)
    whole = 8 * 4096 * QWEN_7B["vocab_size"] * 4
    assert plan.logits < whole / 4


def test_weights_in_four_bits_take_about_a_seventh_of_fp32() -> None:
    small = {"activation_checkpointing": True}
    full = memory_plan(QWEN_7B, settings(lora={"r": 16}, sharding="ddp", precision="fp32"), ONE)
    four = memory_plan(QWEN_7B, settings(lora={"r": 16, "quantize": "nf4"}, sharding="ddp", **small), ONE)
    assert four.weights < full.weights / 4
    assert four.total < 24 * GIB


def test_a_model_beside_the_student_counts() -> None:
    alone = memory_plan(QWEN_7B, settings(), EIGHT)
    with_teacher = memory_plan(QWEN_7B, settings(), EIGHT, beside=[QWEN2_5["72B"]])
    assert with_teacher.peak - alone.peak > 72e9 * 2 / 8


def test_a_live_reference_counts_as_it_lies_there() -> None:
    def beside(**changes: Any) -> int:
        chosen = DPOSettings.model_validate({"student": "s", "epochs": 1, "reference_by": "live", **changes})
        costs = DPO().costs(chosen)
        return memory_plan(QWEN_7B, chosen, EIGHT, beside=[QWEN_7B for _ in costs.beside], costs=costs).beside

    whole = 4 * Shape.of(QWEN_7B).parameters  # fp32
    assert beside() == pytest.approx(whole / 8, rel=1e-6)
    assert beside(sharding="zero3") == beside()
    assert beside(sharding="ddp") == beside(sharding="zero2") == whole
    assert beside(lora={"r": 16}) == 0  # the student without its adapters
    assert beside(lora={"r": 16}, reference="teacher") == pytest.approx(whole / 2 / 8, rel=1e-6)  # bf16
    assert beside(lora={"r": 16}, reference="teacher", precision="fp32") == pytest.approx(whole / 8, rel=1e-6)
    assert beside(reference_by="workers") == 0


def test_distillation_has_a_tile_of_logits_not_all() -> None:
    chosen = DistillSettings.model_validate({"student": "s", "teacher": "t", "epochs": 1, "source": "live"})
    costs = Distill().costs(chosen)
    some, more = (
        memory_plan(QWEN_7B, chosen.model_copy(update={"max_length": length}), EIGHT, costs=costs).logits
        for length in (1024, 16384)
    )
    hidden = 2 * 4 * Shape.of(QWEN_7B).hidden * chosen.micro_batch_size
    assert more - some == hidden * (16384 - 1024)


def test_what_does_not_fit_gets_proposals_that_do() -> None:
    too_big = settings(micro_batch_size=8, sharding="ddp")
    assert memory_plan(QWEN_7B, too_big, EIGHT).total > 80 * GIB
    found = proposals(QWEN_7B, too_big, EIGHT, 80 * GIB)
    assert found
    assert all(plan.total <= 80 * GIB for _, plan in found)
    assert found[0][0].startswith("sharding: fsdp")


def test_one_small_gpu_is_offered_adapters_over_four_bits() -> None:
    found = proposals(QWEN_7B, settings(sharding="ddp"), ONE, 14 * GIB)
    assert [words for words, _ in found] == [
        "lora: {r: 16, quantize: nf4}, activation_checkpointing: true",
    ]


def test_nothing_is_proposed_where_nothing_helps() -> None:
    assert proposals(QWEN_7B, settings(), ONE, 4 * GIB) == []


def test_packed_rows_need_a_mask_and_keys_for_every_head() -> None:
    rows = settings(activation_checkpointing=False, packing=True)
    packed, alone = (memory_plan(QWEN_7B, rows, EIGHT, costs=costs) for costs in (SFT().costs(rows), Costs()))
    shape, masks = Shape.of(QWEN_7B), 4096**2
    keys = 2 * (shape.queries - shape.keys) * 2 * 4096  # keys and values, in bf16
    assert packed.activations - alone.activations == shape.layers * (keys + 2 * masks) + masks


def test_a_classifier_s_rows_need_a_mask_where_there_are_several() -> None:
    one, two = (
        memory_plan(QWEN_7B, settings(micro_batch_size=size), EIGHT, costs=Costs(is_generative=False)).activations
        for size in (1, 2)
    )
    assert two > 2 * one


def test_a_packed_micro_batch_is_one_sequence_to_its_mask() -> None:
    packed = settings(micro_batch_size=2, packing=True, max_length=16384, activation_checkpointing=True)
    costs = SFT().costs(packed)
    more = (
        memory_plan(QWEN_7B, packed, EIGHT, costs=costs).activations - memory_plan(QWEN_7B, packed, EIGHT).activations
    )
    keys = 2 * (Shape.of(QWEN_7B).queries - Shape.of(QWEN_7B).keys) * 2 * 32768
    assert costs.packed
    assert more == 3 * 32768**2 + keys  # a byte a place, and in bf16 for the layer that is recomputed


def test_gradients_that_are_summed_count_whole() -> None:
    plan = memory_plan(QWEN2_5["32B"], settings(activation_checkpointing=True), EIGHT)
    shape = Shape.of(QWEN2_5["32B"])
    buffers = 6 * max(shape.layer_parameters, shape.head_parameters)
    assert plan.gathered == 2 * (shape.embedding_parameters + 3 * shape.layer_parameters) + buffers
    assert plan.total < 80 * GIB


def test_what_is_offloaded_leaves_the_gpu_whether_micro_batches_accumulate_or_not() -> None:
    whole = [settings(batch_size=size, activation_checkpointing=True) for size in (8, 64)]
    one, more = (memory_plan(QWEN_7B, chosen.model_copy(update={"offload": True}), EIGHT) for chosen in whole)
    assert one.peak == more.peak
    assert one.weights == one.gradients == one.optimizer == 0


def test_the_committed_measurements_are_within_a_tenth_of_the_plan() -> None:
    measured = json.loads((record.RESULTS / "train_memory.json").read_text())["cases"]
    ratios = {case["case"]: train_memory.planned(case["case"]).peak / GIB / case["measured_gib"] for case in measured}
    assert len(ratios) >= 24
    assert {name: round(ratio, 3) for name, ratio in ratios.items() if abs(ratio - 1) > 0.1} == {}
