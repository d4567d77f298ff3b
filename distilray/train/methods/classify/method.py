"""Turning rows into labelled texts, their trainer, and what is reported about the resulting classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from distilray.checkpoints import CHECKPOINT_KEY, Reading
from distilray.models import ClassifierModel
from distilray.storage import Store
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.data.tokens import TokenManifest
from distilray.train.data.training_data import Join
from distilray.train.loop.context import WorkerContext
from distilray.train.loop.metrics import BEST_RECORD
from distilray.train.methods.base import TrainingMethod
from distilray.train.methods.classify.counts import count_labels, read_labels
from distilray.train.methods.classify.settings import ClassifySettings
from distilray.train.methods.classify.text import TextFormat, load_text, render_label
from distilray.train.spec import Job, TrainingSpec

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

HELD_OUT = "held-out.json"
"""In the training's folder: the finished classifier's scores on held-out rows."""


class Classify(TrainingMethod):
    settings: ClassVar = ClassifySettings
    description: ClassVar = "sequence classification"
    trains = ClassifierModel
    is_generative = False
    auto = "AutoModelForSequenceClassification"
    adapter_task = "SEQ_CLS"
    reads: ClassVar = ("messages", "reasoning", "answer")
    needs: ClassVar = ()
    token_columns: ClassVar = pa.schema([("input_ids", pa.list_(pa.int32())), ("label", pa.string())])
    """``label`` is a word; numbers are given to labels once all rows are known."""
    metrics: ClassVar = {"accuracy": "accuracy", "macro_f1": "macro_f1"}

    def columns(self, settings: ClassifySettings) -> tuple[str, ...]:
        return (*self.reads, settings.column)

    def needed(self, settings: ClassifySettings) -> tuple[str, ...]:
        return (settings.column, *(part for part in settings.reads if part != "conversation"))

    def renderer(self, path: str, settings: ClassifySettings, variables: Mapping[str, Any]) -> TextFormat:
        return load_text(path, settings)

    def refusal(self, row: Mapping[str, Any], settings: ClassifySettings) -> str | None:
        return super().refusal({**row, settings.column: None}, settings)  # a label is no mark, whatever its name

    def tokenize(self, row: Mapping[str, Any], text: TextFormat, settings: ClassifySettings) -> Tokens | UntrainableRow:
        return render_label(row, text, settings)

    def prepare_in_driver(self, spec: TrainingSpec, tokens: TokenManifest) -> None:
        count_labels(spec.store, tokens.paths, spec.settings, spec.out)

    @contextmanager
    def joins(self, job: Job, folder: str) -> Iterator[Join]:
        labels = pa.array(read_labels(job.store, job.out).labels)

        def numbered(path: str, rows: pa.Table) -> pa.Table:
            numbers = pc.index_in(rows["label"], labels).cast(pa.int64())
            return rows.drop_columns("label").append_column("labels", numbers)

        yield numbered

    def head(self, job: Job) -> dict[str, Any]:
        labels = read_labels(job.store, job.out).labels
        return {"id2label": dict(enumerate(labels)), "label2id": {label: k for k, label in enumerate(labels)}}

    def arguments(self, settings: ClassifySettings, common: dict[str, Any]) -> TrainingArguments:
        from transformers import TrainingArguments

        return TrainingArguments(**common)

    def trainer(self, context: WorkerContext) -> Trainer:
        from transformers import DataCollatorWithPadding

        from distilray.train.methods.classify.trainer import ClassifierTrainer

        job, model, tokenizer, settings = context.job, context.model, context.tokenizer, context.job.settings
        counts = read_labels(job.store, job.out)
        model.config.pad_token_id = tokenizer.pad_token_id  # a decoder finds a row's last token by it
        reading = Reading(settings.reads, settings.max_length, settings.long_rows)
        setattr(model.config, CHECKPOINT_KEY, reading.document())
        if context.adapters is not None:
            from peft import get_peft_model

            model = get_peft_model(model, context.adapters)
        tokenizer.padding_side = "right"
        return ClassifierTrainer(
            **context.trainer_inputs() | {"model": model},
            data_collator=DataCollatorWithPadding(tokenizer),
            labels=counts.labels,
            weights=counts.weights,
        )

    def finish_in_workers(self, job: Job, trainer: Any) -> None:
        if trainer.eval_dataset is None:
            return
        best = f"{job.out}/{BEST_RECORD}"
        if job.store.exists(best):
            if trainer.is_world_process_zero():
                job.store.write_json(f"{job.out}/{HELD_OUT}", job.store.read_json(best)["measured"])
            return
        trainer.predict(trainer.eval_dataset)  # which, unlike an evaluation, writes no second record of the last step
        if trainer.is_world_process_zero():
            job.store.write_json(f"{job.out}/{HELD_OUT}", trainer.measured)

    def card_facts(self, settings: ClassifySettings) -> dict[str, str]:
        return {"labels from": f"column `{settings.column}`", "reads": ", ".join(settings.reads)}

    def details(self, store: Store, out: str) -> dict[str, Any]:
        counts = read_labels(store, out)
        rows = dict(zip(counts.labels, counts.train, strict=True))
        measured = store.read_json(f"{out}/{HELD_OUT}") if store.exists(f"{out}/{HELD_OUT}") else None
        return {"labels": counts.labels, "rows_per_label": rows, "held_out": measured}
