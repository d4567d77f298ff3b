from __future__ import annotations

import numpy as np
import pytest
import yaml

from distilray.export import model_card
from distilray.train import ClassifySettings, SFTSettings, TokenCounts, TokenManifest, method_named
from distilray.train.methods.classify.scores import scores

TOKENS = TokenManifest(
    folder="t", renderer_hash="abc123", fingerprint="f", counts=TokenCounts(rows_in=10, kept=8, longest=99)
)
DETAILS = {"loss_first": 2.5, "loss_last": 0.51, "steps": 12, "tokens": 4096, "sharding": "fsdp", "workers": 2}


def card(base: str = "Qwen/Qwen2.5-7B", **changes: object) -> str:
    settings = SFTSettings.model_validate({"student": "s", "epochs": 1, "system": "Be | brief.", **changes})
    return model_card(
        method_named("sft"),
        settings,
        TOKENS,
        title="quickstart: sft",
        base=base,
        licenses={"gsm8k": "MIT", "mine": None},
        details=DETAILS,
        versions={"torch": "2.13.0"},
        models={"teacher": "Qwen/Qwen2.5-72B-Instruct"},
        recipe="name: quickstart",
    )


def test_a_card_says_what_the_student_was_trained_on_and_how() -> None:
    text = card()
    for words in (
        "| rows | 8 of 10 |", "| tokens trained on | 4,096 in 12 steps |", "hash abc123", "`Be \\| brief.`",
        "| gsm8k | mit |", "| mine | unknown |", "| teacher | Qwen/Qwen2.5-72B-Instruct |", "| torch | 2.13.0 |",
        "name: quickstart", "| loss | 2.5 in the first step, 0.51 in the last |",
    ):  # fmt: skip
        assert words in text


def test_its_head_is_what_the_hub_reads() -> None:
    from huggingface_hub import ModelCard

    data = ModelCard(card()).data.to_dict()
    assert data["base_model"] == "Qwen/Qwen2.5-7B"
    assert data["tags"] == ["distillation", "sft"]


@pytest.mark.parametrize("base", ["/models/mine", "s3://bucket/run/training/sft/final", "./student"])
def test_a_folder_is_no_base_model_of_the_hub(base: str) -> None:
    assert "base_model" not in yaml.safe_load(card(base).split("---")[1])


def test_adapters_are_named() -> None:
    assert "supervised fine-tuning, low-rank adapters" in card(lora={"r": 4})


def test_a_classifiers_card_has_its_labels_and_what_they_were_taken_for() -> None:
    measured = scores(np.array([[8, 2], [0, 10]]), ["code", "maths"])
    details = DETAILS | {"labels": ["code", "maths"], "rows_per_label": {"code": 70, "maths": 90}, "held_out": measured}
    settings = ClassifySettings(student="tasks", column="label", epochs=1)
    text = model_card(
        method_named("classify"), settings, TOKENS, title="tasks", base="some/encoder", licenses={}, details=details,
        versions={}, models={}, recipe="name: tasks",
    )  # fmt: skip
    assert "accuracy 90.0% \u00b1 6.7%, macro F1 0.899" in text
    assert "| label | rows trained on | F1 | code | maths |" in text and "| code | 70 | 0.889 | 8 | 2 |" in text
    assert "labels from | column `label`" in text and "system prompt" not in text
    assert yaml.safe_load(text.split("---")[1])["pipeline_tag"] == "text-classification"
