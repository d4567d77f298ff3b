"""How distillation differs from supervised fine-tuning: what lies beside the tokens, and which trainer takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from distilray.train.data.training_data import as_it_is
from distilray.train.memory.estimate import LESSON_COPIES, LESSON_COPIES_WHOLE, Costs
from distilray.train.methods.base import Join, PrepareContext, WorkerContext
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.methods.sft.method import SFT

if TYPE_CHECKING:
    from transformers import Trainer

    from distilray.train.launch.job import Job


class Distill(SFT):
    settings = DistillSettings
    metrics: ClassVar = {"lm_loss": "lm_loss", "divergence": "divergence"}

    def models(self, settings: DistillSettings) -> set[str]:
        own = {settings.student} if settings.on_policy else set()  # which then answers through engines
        return {*settings.weights, *own}

    def costs(self, settings: DistillSettings) -> Costs:
        live = settings.source == "live"
        copies = LESSON_COPIES if settings.top_k else LESSON_COPIES_WHOLE
        return Costs(distill_copies=copies, beside=tuple(settings.weights) if live else ())

    def before(self, context: PrepareContext) -> None:
        from distilray.train.scoring.teacher_engines import score_tokens
        from distilray.train.scoring.tokenizers import check_teachers

        settings: DistillSettings = context.settings
        check_teachers(settings, context.models, context.student_path)
        if settings.source == "stored" and settings.on_policy is None:
            tokens = context.tokens
            score_tokens(context.store, tokens.paths, tokens.counts.longest, settings, context.models, context.engines)

    @contextmanager
    def beside(self, job: Job, folder: str) -> Iterator[Join]:
        if job.settings.source == "live":
            yield as_it_is
            return
        from distilray.train.methods.distill.stored import joining
        from distilray.train.scoring.scores import scores_path

        teachers = job.settings.weights
        scores = {name: {path: scores_path(path, name) for path in job.tokens} for name in teachers}
        with joining(job.store, scores, folder) as joined:
            yield joined.table

    def trainer(self, session: WorkerContext) -> Trainer:
        from distilray.train.methods.distill.divergence import Objective
        from distilray.train.methods.distill.head import add_distillation_head
        from distilray.train.methods.distill.trainer import DistillTrainer

        settings: DistillSettings = session.job.settings
        add_distillation_head(session.model)
        taught, collator = _teachers(session, settings)
        return DistillTrainer(
            model=session.model,
            args=session.arguments,
            train_dataset=session.feed.train,
            eval_dataset=session.feed.held_out,
            processing_class=session.tokenizer,
            peft_config=session.adapters,
            data_collator=collator,
            order=session.order,
            feed=session.feed,
            taught=taught,
            objective=Objective(settings.divergence, settings.beta, settings.temperature),
            kd_weight=settings.kd_weight,
        )


def _teachers(session: WorkerContext, settings: DistillSettings) -> tuple[Any, Any]:
    """What says what the teachers expect of a batch, and what collates one (None: TRL's own collator)."""
    from functools import partial

    if settings.source == "live":
        from distilray.checkpoints import local_student
        from distilray.train.methods.distill.live import LiveTeachers

        job = session.job
        weights = {local_student(job.models[name].path): share for name, share in settings.weights.items()}
        return LiveTeachers(weights, settings.top_k, job.resources.workers, session.arguments.device), None
    from distilray.train.methods.distill.stored import ScoredCollator, ScoreFiles, stored_teachers

    weights = list(settings.weights.values())
    assert settings.top_k is not None
    collator = ScoredCollator(
        pad_token_id=session.tokenizer.pad_token_id,
        padding_free=settings.packing,
        scores=ScoreFiles(session.feed.folder, weights, settings.top_k),
    )
    return partial(stored_teachers, weights=weights), collator
