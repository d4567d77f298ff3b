"""How rows become labelled texts, which trainer takes them, and what is said of the classifier that comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from distilray.models import CHECKPOINT_KEY, ClassifierModel, Reading
from distilray.storage import Store
from distilray.train.methods.base import Join, PrepareContext, Tokens, TrainingMethod, UntrainableRow, WorkerContext
from distilray.train.methods.classify.counts import count_labels, read_labels
from distilray.train.methods.classify.settings import ClassifySettings
from distilray.train.methods.classify.text import TextFormat, load_text, render_label

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

    from distilray.train.launch.job import Job

HELD_OUT = "held-out.json"
"""Beside the checkpoint: what the finished classifier got right on held-out rows."""


class Classify(TrainingMethod):
    settings = ClassifySettings
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

    def form(self, path: str, settings: ClassifySettings) -> TextFormat:
        return load_text(path, settings)

    def tokenize(self, row: Mapping[str, Any], form: TextFormat, settings: ClassifySettings) -> Tokens | UntrainableRow:
        return render_label(row, form, settings)

    def before(self, context: PrepareContext) -> None:
        count_labels(context.store, context.tokens.paths, context.settings, context.out)

    @contextmanager
    def beside(self, job: Job, folder: str) -> Iterator[Join]:
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

    def trainer(self, session: WorkerContext) -> Trainer:
        from transformers import DataCollatorWithPadding

        from distilray.train.methods.classify.trainer import ClassifierTrainer

        job, model, settings = session.job, session.model, session.job.settings
        counts = read_labels(job.store, job.out)
        model.config.pad_token_id = session.tokenizer.pad_token_id  # a decoder finds a row's last token by it
        reading = Reading(settings.reads, settings.max_length, settings.long_rows)
        setattr(model.config, CHECKPOINT_KEY, reading.document())
        if session.adapters is not None:
            from peft import get_peft_model

            model = get_peft_model(model, session.adapters)
        session.tokenizer.padding_side = "right"
        return ClassifierTrainer(
            model=model,
            args=session.arguments,
            train_dataset=session.feed.train,
            eval_dataset=session.feed.held_out,
            processing_class=session.tokenizer,
            data_collator=DataCollatorWithPadding(session.tokenizer),
            order=session.order,
            feed=session.feed,
            labels=counts.labels,
            weights=counts.weights,
        )

    def after(self, job: Job, trainer: Any) -> None:
        if trainer.eval_dataset is None:
            return
        trainer.predict(trainer.eval_dataset)  # which, unlike an evaluation, writes no second record of the last step
        if trainer.is_world_process_zero():
            job.store.write_json(f"{job.out}/{HELD_OUT}", trainer.measured)

    def details(self, store: Store, out: str) -> dict[str, Any]:
        counts = read_labels(store, out)
        rows = dict(zip(counts.labels, counts.train, strict=True))
        measured = store.read_json(f"{out}/{HELD_OUT}") if store.exists(f"{out}/{HELD_OUT}") else None
        return {"labels": counts.labels, "rows_per_label": rows, "held_out": measured}
