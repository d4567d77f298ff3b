from __future__ import annotations

from importlib.util import find_spec

import pytest
from pydantic import ValidationError

from distilray.prompts import system_turn
from distilray.train import CannotTrain, SFTSettings, TrainResources, parse_settings, worker_counts
from distilray.train.launch.checks import check_extras
from distilray.train.settings import TrainSettings, accumulation


def test_a_training_says_how_long_it_lasts_in_exactly_one_way() -> None:
    with pytest.raises(ValidationError, match="either epochs or max_steps"):
        SFTSettings(student="blank")
    with pytest.raises(ValidationError, match="either epochs or max_steps"):
        SFTSettings(student="blank", epochs=1, max_steps=10)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="learning_rat"):
        SFTSettings.model_validate({"student": "blank", "epochs": 1, "learning_rat": 1e-3})


def test_held_out_rows_and_how_often_to_look_at_them_go_together() -> None:
    with pytest.raises(ValidationError, match="go together"):
        SFTSettings(student="blank", epochs=1, evaluate_every=10)


def test_adapters_take_ten_times_the_rate() -> None:
    assert SFTSettings(student="blank", epochs=1).learning_rate == 2e-5
    assert parse_settings({"student": "blank", "epochs": 1, "lora": {"r": 8}}).learning_rate == pytest.approx(2e-4)
    assert parse_settings({"student": "b", "epochs": 1, "lora": {}, "learning_rate": 5e-5}).learning_rate == 5e-5


@pytest.mark.parametrize(
    ("changes", "resources", "words"),
    [
        (
            {},
            {},
            "attention: flex_attention needs GPUs, and gpus_per_worker is 0; set attention: sdpa",
        ),
        ({}, {"workers": 2, "sequence_parallel": 2, "gpus_per_worker": 1}, "an attention of their own"),
    ],
)
def test_an_attention_that_cannot_run_is_refused_with_the_remedy(changes: dict, resources: dict, words: str) -> None:
    settings = SFTSettings.model_validate({"student": "b", "epochs": 1, "attention": "flex_attention", **changes})
    with pytest.raises(ValueError, match=words):
        worker_counts(settings, TrainResources(**resources))


def test_flash_attention_has_no_fp32() -> None:
    flash = {"student": "b", "epochs": 1, "attention": "flash_attention_2"}
    with pytest.raises(ValidationError, match="set precision: bf16, or attention: sdpa"):
        parse_settings({**flash, "precision": "fp32"})
    assert worker_counts(parse_settings(flash), TrainResources(gpus_per_worker=1)) == [1]


@pytest.mark.skipif(find_spec("flash_attn") is not None, reason="flash-attn is installed")
def test_an_attention_that_is_not_installed_is_refused_with_the_package() -> None:
    with pytest.raises(CannotTrain, match="needs the package flash-attn.* or set attention: sdpa"):
        check_extras(parse_settings({"student": "b", "epochs": 1, "attention": "flash_attention_2"}))


def test_every_setting_says_what_it_is() -> None:
    for model in (SFTSettings, TrainSettings, TrainResources):
        undescribed = [name for name, field in model.model_fields.items() if not field.description]
        assert undescribed == []


def test_workers_share_a_batch_in_micro_batches_that_divide_it() -> None:
    settings = SFTSettings(student="blank", epochs=1, batch_size=48, micro_batch_size=10)
    assert accumulation(settings, workers=2) == (8, 3)
    assert accumulation(settings, workers=1) == (8, 6)


def test_a_batch_that_workers_cannot_share_names_the_remedy() -> None:
    settings = SFTSettings(student="blank", epochs=1, batch_size=50)
    with pytest.raises(ValueError, match="batch_size 50 cannot be shared evenly by 4 workers; make it a multiple of 4"):
        accumulation(settings, workers=4)


@pytest.mark.parametrize("with_it", [{"sharding": "zero2"}, {"sharding": "ddp", "lora": {"quantize": "nf4"}}])
def test_compile_is_refused_where_blocks_are_not_compiled(with_it: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="compile does not go with"):
        parse_settings({"kind": "sft", "student": "s", "max_steps": 1, "compile": True, **with_it})


def test_compile_is_refused_where_workers_share_rows() -> None:
    settings = parse_settings({"kind": "sft", "student": "s", "max_steps": 1, "compile": True})
    with pytest.raises(ValueError, match="inside every block, which is not compiled; set compile: false, or sequence"):
        worker_counts(settings, TrainResources(workers=2, sequence_parallel=2))
    assert worker_counts(settings, TrainResources(workers=2)) == [2]


def test_a_published_students_system_turn_has_a_name_and_is_written_out() -> None:
    settings = parse_settings({"kind": "sft", "student": "s", "max_steps": 1, "system": "preset:ds3"})
    assert settings.system == system_turn("preset:ds3") and settings.system.startswith("You are Qwen")
    assert parse_settings({"kind": "sft", "student": "s", "max_steps": 1, "system": "Be brief."}).system == "Be brief."
    with pytest.raises(ValidationError, match="no system turn 'preset:none'"):
        parse_settings({"kind": "sft", "student": "s", "max_steps": 1, "system": "preset:none"})
