"""How distillation differs from supervised fine-tuning: the scores that join the tokens, and the trainer's loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from distilray.checkpoints import local_student
from distilray.ledger import Manifest
from distilray.train.data.chat import ChatFormat
from distilray.train.data.tokens import TokenManifest
from distilray.train.data.training_data import Join, unjoined
from distilray.train.errors import CannotTrain
from distilray.train.loop.context import WorkerContext
from distilray.train.memory.estimate import DISTILL_COPIES, DISTILL_COPIES_WHOLE, Costs
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.methods.distill.teachers import check_teachers
from distilray.train.methods.shared.method import AnswerMethod
from distilray.train.scoring.scores import scores_path
from distilray.train.spec import Job, TrainingSpec

if TYPE_CHECKING:
    from transformers import Trainer


class Distill(AnswerMethod):
    settings: ClassVar = DistillSettings
    description: ClassVar = "white-box distillation"
    metrics: ClassVar = {"lm_loss": "lm_loss", "divergence": "divergence"}

    def models(self, settings: DistillSettings) -> set[str]:
        own = {settings.student} if settings.on_policy else set()  # which then answers through engines
        return {*settings.weights, *own}

    def costs(self, settings: DistillSettings) -> Costs:
        live = settings.source == "live"
        copies = DISTILL_COPIES if settings.top_k else DISTILL_COPIES_WHOLE
        return Costs(
            distill_copies=copies,
            beside=tuple(settings.weights) if live else (),
            packed=settings.packing,
            instead="source: stored" if settings.top_k else "",
        )

    def renderer(self, path: str, settings: DistillSettings, variables: Mapping[str, Any]) -> ChatFormat:
        chat = super().renderer(path, settings, variables)
        if settings.on_policy is not None and not chat.whole_answers:
            raise CannotTrain(
                f"student {path!r}: the generation marks of its chat template leave out the beginning of an answer, "
                "which on-policy distillation samples; let {% generation %} begin where the assistant does"
            )
        return chat

    def fit(self, spec: TrainingSpec, tokens: TokenManifest) -> Manifest:
        """With ``on_policy`` in rounds, each on the student's own samples."""
        if spec.settings.on_policy is None:
            return super().fit(spec, tokens)
        from distilray.train.methods.distill.rounds import train_in_rounds

        self.prepare_in_driver(spec, tokens)
        return train_in_rounds(spec, tokens)

    def prepare_in_driver(self, spec: TrainingSpec, tokens: TokenManifest) -> None:
        settings: DistillSettings = spec.settings
        check_teachers(settings, spec.models, spec.student_path)
        if settings.source == "stored" and settings.on_policy is None:
            from distilray.train.scoring.teacher_engines import score_tokens

            assert settings.top_k is not None
            score_tokens(spec, tokens.paths, tokens.counts.longest, settings.weights, settings.top_k)

    @contextmanager
    def joins(self, job: Job, folder: str) -> Iterator[Join]:
        if job.settings.source == "live":
            yield unjoined
            return
        from distilray.train.methods.distill.stored import joining

        teachers = job.settings.weights
        scores = {name: {path: scores_path(path, name) for path in job.tokens} for name in teachers}
        with joining(job.store, scores, folder) as joined:
            yield joined.table

    def trainer(self, context: WorkerContext) -> Trainer:
        from distilray.train.methods.distill.divergence import Objective
        from distilray.train.methods.distill.head import add_distillation_head
        from distilray.train.methods.distill.trainer import DistillTrainer

        settings: DistillSettings = context.job.settings
        add_distillation_head(context.model)
        taught, collator = _teachers(context, settings)
        return DistillTrainer(
            **context.trainer_inputs(),
            peft_config=context.adapters,
            data_collator=collator,
            taught=taught,
            objective=Objective(settings.divergence, settings.beta, settings.temperature),
            kd_weight=settings.kd_weight,
        )


def _teachers(context: WorkerContext, settings: DistillSettings) -> tuple[Any, Any]:
    """A function that returns the teachers' view of a batch, and a collator (None: TRL's own)."""
    if settings.source == "live":
        return _live_teachers(context, settings), None
    from distilray.train.methods.distill.stored import ScoredCollator, ScoreFiles, stored_teachers

    weights = list(settings.weights.values())
    assert settings.top_k is not None
    collator = ScoredCollator(
        pad_token_id=context.tokenizer.pad_token_id,
        padding_free=settings.packing,
        scores=ScoreFiles(context.feed.folder, weights, settings.top_k),
    )
    return partial(stored_teachers, weights=weights), collator


def _live_teachers(context: WorkerContext, settings: DistillSettings) -> Any:
    """Loaded, and tested on a few rows."""
    from distilray.train.methods.distill.live import LiveTeachers
    from distilray.train.methods.distill.live_check import check_live_teachers, probes_of

    job = context.job
    probes = probes_of(job)
    teachers = [(local_student(job.models[name].path), share) for name, share in settings.weights.items()]
    loaded = LiveTeachers(teachers, settings.top_k, job.resources.workers, context.arguments.device, probes)
    check_live_teachers(job, loaded, probes)
    return loaded
