from __future__ import annotations

import pytest
from pydantic import ValidationError

from distilray.train import SFTSettings, TrainResources
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
