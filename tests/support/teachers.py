"""The teacher that tests of distillation and DPO share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoints import make_student


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random model with the student's tokenizer that is surer of itself than one with small weights."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_student(Path(tmp_path_factory.mktemp("teacher")), hidden=128)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(2.5)
    model.save_pretrained(folder)
    return folder
