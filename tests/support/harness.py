"""A tiny model under lm-evaluation-harness: on our engines, and as the harness itself runs it; tasks of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from lm_eval.api.instance import Instance

from distilray.evaluate import EngineLM, RequestPool
from distilray.models import VLLMModel
from distilray.storage import Store

CONTEXT = 256
"""Of our engines; the harness's own model conditions on two tokens less, as ours does."""


def tiny(path: str, **changes: Any) -> VLLMModel:
    small = {"dtype": "float32", "max_model_len": CONTEXT, "max_num_seqs": 32, "cpus": 0.5, **changes}
    return VLLMModel(path=path, **small)


def ours(path: str, directory: Path, **changes: Any) -> RequestPool:
    return RequestPool(Store(str(directory)), tiny(path, **changes), "tiny", "harness-test")


def theirs(path: str) -> Any:
    """The harness's own ``hf`` model on the CPU."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=path, device="cpu", dtype="float32", batch_size=1, max_length=CONTEXT - 2)


def requests(kind: str, *arguments: tuple[Any, ...]) -> list[Instance]:
    return [
        Instance(request_type=kind, doc={}, arguments=one, idx=k)  # type: ignore[arg-type]
        for k, one in enumerate(arguments)
    ]


def model_of(pool: RequestPool, **settings: Any) -> EngineLM:
    return EngineLM(pool, **settings)


def write_tasks(folder: Path) -> Path:
    """Two tasks on files of our own: one of options by their likelihood, one of generated numbers."""
    folder.mkdir()
    choices = [
        {"question": f"Tom has {a} apples and gets {b} more. How many apples does Tom have now?", "options": [
            str(a + b), str(a + b + 1), str(a), "apples"], "answer": 0}
        for a, b in ((482, 379), (120, 45), (7, 8), (310, 222))
    ]  # fmt: skip
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in choices))
    common = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}},
        "test_split": "test",
        "doc_to_text": "{{question}}\nAnswer:",
        "metadata": {"version": 1.0},
    }
    options = {
        **common,
        "task": "our_options",
        "output_type": "multiple_choice",
        "doc_to_choice": "{{options}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    numbers = {
        **common,
        "task": "our_numbers",
        "output_type": "generate_until",
        "doc_to_target": "{{options[0]}}",
        "generation_kwargs": {"until": ["\n\n"], "max_gen_toks": 24, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    for task in (options, numbers):
        (folder / f"{task['task']}.yaml").write_text(yaml.safe_dump(task, sort_keys=False))
    return folder
