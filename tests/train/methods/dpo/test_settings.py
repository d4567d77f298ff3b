from __future__ import annotations

import pytest
from pydantic import ValidationError

from distilray.train import DPOSettings, parse_settings
from tests.support.pairs import settings


def test_a_kind_decides_how_a_training_is_read() -> None:
    assert parse_settings({"kind": "dpo", "student": "x", "epochs": 1, "resources": {"workers": 2}}) == DPOSettings(
        student="x", epochs=1
    )


def test_a_loss_may_be_one_name_or_several_with_weights() -> None:
    assert settings(loss="ipo").loss == {"ipo": 1.0}
    assert settings(loss={"sigmoid": 1, "sft": 0.2}).loss == {"sigmoid": 1.0, "sft": 0.2}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loss": "sigmoidal"}, "sigmoid"),
        ({"loss": {}}, "at least one"),
        ({"loss": "aot"}, "set row_beta: false"),
        ({"loss": "robust"}, "label_smoothing above 0"),
        ({"label_smoothing": 0.1}, "the chosen loss ignores it"),
        ({"beta": 0}, "greater than 0"),
        ({"loss": "sigmoid_norm", "beta": 0.1}, r"beta 0.1 .* set beta: 5 or leave it out"),
        ({"ld_alpha": 1.5}, "less than or equal to 1"),
        ({"packing": True}, "packing"),
        (
            {"lora": {"quantize": "nf4"}, "sharding": "ddp", "reference_by": "engines"},
            "set reference_by: workers or live",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_remedy(wrong: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**wrong)


def test_defaults_follow_the_loss_and_the_adapters() -> None:
    plain = DPOSettings(student="x", epochs=1)
    assert (plain.beta, plain.row_beta, plain.learning_rate, plain.warmup) == (0.1, True, 1e-6, 0.1)
    for loss in ("sigmoid_norm", {"sigmoid_norm": 1.0, "sft": 0.2}):
        normed = DPOSettings.model_validate({"student": "x", "epochs": 1, "loss": loss})
        assert (normed.beta, normed.row_beta) == (5.0, False)
    adapted = DPOSettings.model_validate({"student": "x", "epochs": 1, "lora": {"r": 4}})
    assert adapted.learning_rate == pytest.approx(1e-5)
    chosen = DPOSettings.model_validate({"student": "x", "epochs": 1, "lora": {}, "learning_rate": 3e-6})
    assert chosen.learning_rate == 3e-6
    assert DPOSettings.model_validate(adapted.model_dump()) == adapted


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in DPOSettings.model_fields.items() if not field.description] == []
