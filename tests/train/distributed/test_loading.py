"""One worker reads the weights: the others hold none of them until they get their shards. Processes over gloo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from distilray.train import SFTSettings
from distilray.train.distributed import cpu, sharding
from distilray.train.distributed.loading import load
from distilray.train.loop.student import adapters, load_student
from distilray.train.methods.registry import method_named
from tests.support.checkpoints import make_tokenizer, random_qwen2, save
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.residency import Residency

pytestmark = pytest.mark.slow
GIB = 2**30


def some(**changes: Any) -> SFTSettings:
    return SFTSettings.model_validate({"student": "s", "max_steps": 1, "precision": "fp32"} | changes)


def trainer_of(model: Any, settings: SFTSettings, folder: str, workers: int) -> Any:
    """A trainer whose model accelerate has sharded, with its optimizer's parameters."""
    from transformers import Trainer, TrainingArguments

    told = {**sharding.arguments(settings, workers, ["Qwen2DecoderLayer"]), **cpu.arguments(settings.sharding)}
    arguments = TrainingArguments(folder, report_to="none", bf16=settings.precision == "bf16", **told)
    sharding.keep_precision(arguments, settings)
    cpu.before_trainer(settings.sharding, workers)
    trainer = Trainer(model, arguments)
    trainer.create_optimizer()
    prepared, optimizer = trainer.accelerator.prepare(trainer.model, trainer.optimizer)
    if settings.sharding == "fsdp":
        sharding.assert_sharded(prepared, workers)
    trained = {id(parameter) for parameter in prepared.parameters() if parameter.requires_grad}
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == trained
    return trainer


def weights_of(worker: int, workers: int, student: str, changes: dict[str, Any], port: int, out: str) -> None:
    with one_of(workers, worker, port):
        settings, method = some(**changes), method_named("sft")
        model: Any = load_student(student, settings, True, method, {})
        if settings.lora is not None:
            from peft import get_peft_model

            model = get_peft_model(model, adapters(settings, method))
        untouched = sum(parameter.is_meta for parameter in model.parameters())
        model = trainer_of(model, settings, out, workers).model
        weights = {
            name.replace("_checkpoint_wrapped_module.", ""): tensor.full_tensor()
            for name, tensor in model.state_dict().items()
        }
        inverse = {name: buffer for name, buffer in model.named_buffers()}
        tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
        frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
        torch.save([untouched, weights, inverse, tied, frozen], f"{out}/{worker}")


@pytest.mark.parametrize("changes", [{}, {"precision": "bf16", "lora": {"r": 4}, "activation_checkpointing": True}])
def test_every_worker_has_the_weights_that_the_first_has_read(
    student: str, tmp_path: Path, changes: dict[str, Any]
) -> None:
    mp.spawn(weights_of, (2, student, changes, free_port(), str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / str(worker)) for worker in range(2))
    whole = load("AutoModelForCausalLM", student, torch.bfloat16 if changes else torch.float32, once=False)
    for untouched, weights, buffers, tied, frozen in (first, second):
        assert untouched == 0, "accelerate finds an optimizer's parameters by their addresses"
        assert tied
        found = {name.replace("base_model.model.", "").replace(".base_layer", ""): w for name, w in weights.items()}
        for name, expected in whole.state_dict().items():
            assert torch.equal(found[name], expected), name
        assert buffers.keys() == first[2].keys()
        for name, expected in whole.named_buffers():
            prefix = "base_model.model." if changes else ""
            assert torch.equal(buffers[prefix + name], expected), name
        assert len(frozen) == (len(list(whole.parameters())) if changes else 0)
    for name, tensor in first[1].items():
        assert tensor.dtype == second[1][name].dtype
        assert torch.equal(tensor, second[1][name]), name


@pytest.fixture(scope="module")
def half_billion(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random Qwen2.5-0.5B in bf16: 494 M parameters, 1.84 GiB in fp32."""
    folder = tmp_path_factory.mktemp("half-billion")
    model = random_qwen2(
        make_tokenizer(), vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24,
        num_attention_heads=14, num_key_value_heads=2,
    )  # fmt: skip
    return save(folder, model.to(torch.bfloat16), make_tokenizer())


def residency_of(worker: int, workers: int, student: str, what: str, port: int, out: str) -> None:
    with one_of(workers, worker, port):
        import trl  # noqa: F401  (its memory is not the student's)

        from distilray.train.methods.distill.live import read_teacher, spread_teacher

        residency = Residency()
        if what == "teacher":
            model = spread_teacher(read_teacher(student, torch.float32, workers), workers, torch.device("cpu"))
            loading = sharding_peak = residency.peak()
        else:
            model = load_student(student, some(), True, method_named("sft"), {})
            loading = residency.peak()
            model = trainer_of(model, some(), out, workers).model
            sharding_peak = residency.peak()
        dist.barrier()
        held = sum(p.to_local().numel() * p.element_size() for p in model.parameters())
        Path(f"{out}/{worker}.json").write_text(json.dumps([loading / GIB, sharding_peak / GIB, held / GIB]))


@pytest.mark.long
@pytest.mark.parametrize("what", ["student", "teacher"])
@pytest.mark.parametrize("workers", [2, 4])
def test_only_the_first_worker_holds_a_model_that_is_loading(
    half_billion: str, tmp_path: Path, workers: int, what: str
) -> None:
    """Peaks above what libraries take, GiB. Loaded whole it is 1.84; the largest matrix alone is 0.51."""
    mp.spawn(residency_of, (workers, half_billion, what, free_port(), str(tmp_path)), nprocs=workers)
    peaks = [json.loads((tmp_path / f"{worker}.json").read_text()) for worker in range(workers)]
    print(what, workers, peaks)
    for worker, (loading, sharding_peak, held) in enumerate(peaks):
        assert held == pytest.approx(1.84 / workers, rel=0.02)
        if worker == 0:
            assert 1.8 < loading < 3.2
        elif what == "student":
            assert loading < 0.2
        if worker:
            # Whole it would be 1.84 beside the shards. What freed receive buffers leave in malloc's arenas varies from
            # run to run: 1.37 to 2.0 beside 0.46 held.
            assert sharding_peak < held + 0.9 * 1.84
