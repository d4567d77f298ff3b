"""Tasks of lm-evaluation-harness for models of ours: its own results, in its own shape, and every sample.

harness/MODEL/results_2026-11-27T16-40-00.json
harness/MODEL/samples_gsm8k_2026-11-27T16-40-00.jsonl
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from distilray.evaluate.harness.model import EngineLM, HarnessError
from distilray.evaluate.harness.pool import RequestPool
from distilray.evaluate.harness.requests import FOLDER
from distilray.ledger import Lease, fingerprint, now
from distilray.models import ModelSettings, VLLMModel
from distilray.runner import Resources, cluster
from distilray.storage import Store


def run_tasks(
    models: Mapping[str, ModelSettings],
    tasks: Sequence[str],
    directory: str,
    *,
    limit: int | None = None,
    num_fewshot: int | None = None,
    apply_chat_template: bool = False,
    include_path: str | None = None,
    resources: Resources | None = None,
) -> dict[str, dict[str, Any]]:
    """The harness's results of each of ``models`` on ``tasks``; also written below ``directory``, where all answers are
    kept: the same call again asks only what is missing. ``include_path``: a folder with tasks of your own.

    Raises :class:`HarnessError` for tasks that there are not, and for models without weights of their own.
    """
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=include_path)
    unknown = [name for name in tasks if not manager.match_tasks([name])]
    if unknown:
        raise HarnessError(f"lm-evaluation-harness has no task {', '.join(unknown)}; `lm_eval ls tasks` lists them")
    store, found = Store.reach(directory), {}
    with Lease.acquire(store, note="distilray evaluate --tasks"), cluster(resources or Resources()):
        for name, settings in models.items():
            if not isinstance(settings, VLLMModel):
                raise HarnessError(
                    f"{name} is of kind {settings.kind}: tasks of the harness need a checkpoint's tokens"
                )
            options = {"limit": limit, "num_fewshot": num_fewshot, "apply_chat_template": apply_chat_template}
            with RequestPool(store, settings, name, f"harness-{fingerprint([store.uri, name])}") as pool:
                results = _evaluated(EngineLM(pool), manager, tasks, options)
            _write(store, f"{FOLDER}/{name}", results)
            found[name] = results
    return found


def _evaluated(model: EngineLM, manager: Any, tasks: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    from lm_eval import simple_evaluate

    evaluate: Any = simple_evaluate  # its decorator hides its parameters
    results = evaluate(model=model, tasks=list(tasks), task_manager=manager, bootstrap_iters=1000, **options)
    assert results is not None  # it is of no other rank than 0
    return dict(results)


def _write(store: Store, folder: str, results: dict[str, Any]) -> None:
    from lm_eval.utils import handle_non_serializable

    stamp = now()[:19].replace(":", "-")
    for task, samples in results.pop("samples", {}).items():
        lines = (json.dumps(one, default=handle_non_serializable, ensure_ascii=False) for one in samples)
        store.write(f"{folder}/samples_{task}_{stamp}.jsonl", "".join(f"{line}\n" for line in lines).encode())
    text = json.dumps(results, default=handle_non_serializable, ensure_ascii=False, indent=1)
    store.write(f"{folder}/results_{stamp}.json", text.encode())
