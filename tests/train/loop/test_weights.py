"""What an export is written from: every weight once, in the export's precision, in the first worker alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from distilray.train.loop import export
from distilray.train.loop.student import adapters, load_student
from distilray.train.loop.weights import gathered_weights, merge_adapters
from distilray.train.methods.registry import method_named
from tests.support.checkpoints import make_student
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.trainer import model_at
from tests.train.distributed.test_loading import some, trainer_of


def one_of_two(worker: int, student: str, changes: dict[str, Any], port: int, out: str) -> None:
    with one_of(2, worker, port):
        settings, method = some(**changes), method_named("sft")
        model: Any = load_student(student, settings, True, method, {})
        if settings.lora is not None:
            from peft import get_peft_model

            model = get_peft_model(model, adapters(settings, method))
        trainer = trainer_of(model, settings, out, 2)
        torch.save(gathered_weights(trainer, torch.bfloat16), f"{out}/{worker}")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"activation_checkpointing": True}, {"lora": {"r": 4}}, {"sharding": "ddp"}])
def test_the_first_worker_gets_all_weights_in_the_exports_precision(
    student: str, tmp_path: Path, changes: dict[str, Any]
) -> None:
    mp.spawn(one_of_two, (student, changes, free_port(), str(tmp_path)), nprocs=2)
    found = torch.load(tmp_path / "0")
    assert torch.load(tmp_path / "1") == {}
    assert {tensor.dtype for tensor in found.values()} == {torch.bfloat16}
    if "lora" in changes:
        assert found and all("lora_" in name for name in found), "frozen weights stay where they are"
        return
    expected = model_at(student).to(torch.bfloat16).state_dict()
    assert expected.keys() - found.keys() == {"lm_head.weight"}, "it is the embedding"
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items() if name in found)


def test_adapters_are_merged_as_in_fp32(tmp_path: Path) -> None:
    from peft import PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    model_at(make_student(tmp_path / "fp32")).to(torch.bfloat16).save_pretrained(tmp_path / "student")
    student = str(tmp_path / "student")
    adapted = get_peft_model(model_at(student), adapters(some(lora={"r": 4}), method_named("sft")))
    torch.manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    adapted.save_pretrained(tmp_path / "adapter")
    merged = []
    for dtype in (torch.float32, torch.bfloat16):
        base = AutoModelForCausalLM.from_pretrained(student, dtype=dtype)
        peft_model = PeftModel.from_pretrained(base, tmp_path / "adapter")
        merged.append(merge_adapters(peft_model, torch.bfloat16).state_dict())
    whole = PeftModel.from_pretrained(model_at(student), tmp_path / "adapter").merge_and_unload().to(torch.bfloat16)
    before = model_at(student).to(torch.bfloat16).state_dict()
    changed = 0
    for name, expected in whole.state_dict().items():
        changed += not torch.equal(before[name], expected)
        assert torch.equal(merged[0][name], expected), name
        assert torch.equal(merged[1][name], expected), name
    assert changed > 10


def test_an_export_is_as_precise_as_it_says_and_its_files_are_small(
    student: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masters are in fp32; a training that starts from the export asks its config for the precision to export in."""
    monkeypatch.setattr(export, "SHARD_SIZE", "100KB")
    model = model_at(student)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    export._write_model(model, weights, torch.bfloat16, str(tmp_path / "export"))
    assert export.dtype_of(str(tmp_path / "export")) == torch.bfloat16
    files = list((tmp_path / "export").glob("*.safetensors"))
    assert len(files) > 1 and max(file.stat().st_size for file in files) < 120_000
    again = model_at(str(tmp_path / "export")).state_dict()
    assert all(torch.equal(again[name], tensor.float()) for name, tensor in weights.items())
