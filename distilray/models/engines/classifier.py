"""Engines that give texts labels: a sequence classifier of transformers inside a Ray actor.

While one batch is in the model the next one gathers, so no request waits for a batch to fill. Texts of a batch are
padded to its longest; waiting ones are sorted by length first.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distilray.checkpoints import label_set, local_config, positions_of, resolve_path
from distilray.models.engines.base import Engine, EngineInfo, Launch, log_of
from distilray.models.engines.root_cause import START, explained
from distilray.models.errors import EngineFailed, ModelError, PromptTooLong
from distilray.models.gc_tuning import tune_gc
from distilray.models.replies import LabelReply
from distilray.models.requests import ClassifyRequest, Request
from distilray.models.settings.classifier import ClassifierModel

DEVICE_LOST = 70
"""Exit status of an actor whose GPU failed (os.EX_SOFTWARE): Ray starts it again, clients ask elsewhere meanwhile."""
MOST_LABELS = 64
"""Most labels whose log-probabilities a reply carries, likeliest first."""
AHEAD = 16
"""Number of batches across which texts are sorted by length."""


@dataclass(slots=True, eq=False)
class _Waiting:
    ids: list[int]
    future: asyncio.Future[list[float]]


class ClassifierEngine(Engine):
    """One replica of a :class:`~distilray.models.ClassifierModel`."""

    settings: ClassifierModel

    def __init__(self, engine: str, settings: ClassifierModel, launch: Launch = Launch()) -> None:  # noqa: B008
        super().__init__(engine, settings, launch)
        self._waiting: list[_Waiting] = []
        self._forwarding: asyncio.Task[None] | None = None
        self._tokenizing = threading.Lock()  # a truncating tokenizer must not be used by two callers at once
        self._failure: str | None = None
        if launch.logs:
            os.makedirs(launch.logs, exist_ok=True)
            log = open(log_of(launch.logs, engine), "a", buffering=1)  # noqa: SIM115
            sys.stdout = sys.stderr = log
            print(f"{START}{engine}, process {os.getpid()}")
        try:
            self._start()
            tune_gc()
        except Exception as error:  # raised by ready(): an actor whose constructor fails is never started again
            self._failure = f"{engine} ({settings.path}) did not start: {explained(error, None)}"

    def _start(self) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

        settings = self.settings
        path = resolve_path(settings.path)
        config = AutoConfig.from_pretrained(path, revision=settings.revision)
        known = label_set(local_config(settings.path) or config.to_dict(), settings.path)
        self.labels, self.reading = known.labels, known.reading
        self.tokenizer: Any = AutoTokenizer.from_pretrained(path, revision=settings.revision)
        if settings.gpus:
            self.device = torch.device("cuda")
            if settings.gpus < 1:
                torch.cuda.set_per_process_memory_fraction(settings.gpus)
        else:
            self.device = torch.device("cpu")
            torch.set_num_threads(settings.threads or max(1, round(settings.cpus)))
        auto = "auto" if settings.gpus else torch.float32
        dtype = auto if settings.dtype == "auto" else getattr(torch, settings.dtype)
        model = AutoModelForSequenceClassification.from_pretrained(path, revision=settings.revision, dtype=dtype)
        if model.config.pad_token_id is None:  # a decoder finds a row's last token by it
            model.config.pad_token_id = self.tokenizer.pad_token_id
        self.model: Any = model.to(self.device).eval()
        positions = positions_of(config.to_dict()) or self.tokenizer.model_max_length
        self.context = min(self.reading.max_length or positions, positions)
        self.truncate = (settings.long_rows or self.reading.long_rows) == "truncate"

    async def ready(self) -> EngineInfo:
        import ray
        import torch
        import transformers

        if self._failure:
            raise EngineFailed(self._failure)
        versions = {"transformers": transformers.__version__, "torch": torch.__version__, "ray": ray.__version__}
        return EngineInfo(self.engine, self.context, len(self.labels), versions)

    async def prompts(self, requests: Sequence[Request]) -> Sequence[list[int] | ModelError | None]:
        """Token ids of each row's text; made off the loop."""
        return await asyncio.to_thread(self._all_ids, requests)

    def _all_ids(self, requests: Sequence[Request]) -> list[list[int] | ModelError | None]:
        with self._tokenizing:
            return [self._ids(ask) if isinstance(ask, ClassifyRequest) else None for ask in requests]

    def _ids(self, request: ClassifyRequest) -> list[int] | ModelError:
        path = self.settings.path
        try:
            text = self.reading.text(request.parts)
        except KeyError as part:
            return ModelError(f"{path} reads a row's {part.args[0]}, which this row does not have")
        limit = self.context if self.truncate else None
        ids = self.tokenizer(text, truncation=self.truncate, max_length=limit)["input_ids"]
        if len(ids) > self.context:
            return PromptTooLong(
                f"the row has {len(ids)} tokens, but {path} reads {self.context}; set long_rows: truncate on the "
                "model, or drop such rows in a step before"
            )
        return ids

    async def classify(self, prompt: list[int], request: ClassifyRequest) -> LabelReply:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(prompt, loop.create_future())
        self._waiting.append(waiting)
        if self._forwarding is None or self._forwarding.done():
            self._forwarding = loop.create_task(self._forward_all())
        log_probs = await waiting.future
        ranked = sorted(zip(self.labels, log_probs, strict=True), key=lambda pair: -pair[1])
        return LabelReply(ranked[0][0], dict(ranked[:MOST_LABELS]), len(prompt))

    async def _forward_all(self) -> None:
        """Batches until nothing waits."""
        await asyncio.sleep(0)  # requests of the same turn of the loop go into the first batch
        size = self.settings.batch_size
        while self._waiting:
            near, self._waiting = self._waiting[: size * AHEAD], self._waiting[size * AHEAD :]
            near.sort(key=lambda waiting: len(waiting.ids))
            batch, rest = near[:size], near[size:]
            self._waiting = rest + self._waiting
            try:
                found = await asyncio.to_thread(self._log_probs, [waiting.ids for waiting in batch])
            except ModelError as error:
                for waiting in batch:
                    if not waiting.future.done():
                        waiting.future.set_exception(error)
                continue
            for waiting, log_probs in zip(batch, found, strict=True):
                if not waiting.future.done():  # nothing waits any longer for a request that timed out
                    waiting.future.set_result(log_probs)

    def _log_probs(self, rows: list[list[int]]) -> list[list[float]]:
        """Log-probabilities (nats) of all labels for each of ``rows`` of token ids; a batch that does not fit in the
        GPU's memory is halved. Raises :class:`ModelError` if a single row does not fit."""
        import torch

        try:
            inputs = self.tokenizer.pad({"input_ids": rows}, padding_side="right", return_tensors="pt").to(self.device)
            with torch.inference_mode():
                return self.model(**inputs).logits.float().log_softmax(-1).tolist()
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise ModelError(f"a row of {len(rows[0])} tokens does not fit into the GPU's memory") from error
        except torch.AcceleratorError:
            os._exit(DEVICE_LOST)
        # Not in the handler: the error holds the frames of the pass that failed, and with them all of its tensors.
        torch.cuda.empty_cache()
        half = len(rows) // 2
        return self._log_probs(rows[:half]) + self._log_probs(rows[half:])
