from __future__ import annotations

import pytest
import yaml

from distilray.train import SFTSettings, TokenCounts, TokenManifest, model_card

TOKENS = TokenManifest(
    folder="t", template_hash="abc123", fingerprint="f", counts=TokenCounts(rows_in=10, kept=8, longest=99)
)
DETAILS = {"loss_first": 2.5, "loss_last": 0.51, "steps": 12, "tokens": 4096, "sharding": "fsdp", "workers": 2}


def card(base: str = "Qwen/Qwen2.5-7B", **changes: object) -> str:
    settings = SFTSettings.model_validate({"student": "s", "epochs": 1, "system": "Be | brief.", **changes})
    return model_card(
        settings,
        TOKENS,
        title="quickstart: sft",
        base=base,
        licences={"gsm8k": "MIT", "mine": None},
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
        "name: quickstart", "| loss | 2.5 at first, 0.51 at last |",
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
