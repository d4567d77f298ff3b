"""Turning rows into pairs of token sequences for preference optimisation, and their trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.rows import MalformedRecord, label_of, split_reasoning
from distilray.storage import Store
from distilray.train.data.chat import ChatFormat, Rendered
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.data.tokens import TokenManifest
from distilray.train.data.training_data import Join, unjoined
from distilray.train.errors import CannotTrain
from distilray.train.launch.launcher import warn
from distilray.train.loop.context import WorkerContext
from distilray.train.memory.estimate import Costs
from distilray.train.methods.base import TrainingMethod
from distilray.train.methods.dpo.settings import DPOSettings
from distilray.train.methods.shared.answers import BAD
from distilray.train.methods.shared.passes import too_many_passes
from distilray.train.scoring.reference_ranking import RANKING
from distilray.train.scoring.references import join_reference
from distilray.train.scoring.tokenizers import vocabulary
from distilray.train.spec import Job, TrainingSpec

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

IDS = pa.list_(pa.int32())
SAME = "chosen equals rejected"
SAME_ANSWERS = f"{SAME} without their reasoning: set think: true, or put an inline_trace step after the pairs"
ALONE = "no rejected answer: an answer with a label alone is for kind: kto"


class DPO(TrainingMethod):
    settings: ClassVar = DPOSettings
    description: ClassVar = "preference optimisation"
    reads: ClassVar = ("messages", "answer", "reasoning", "rejected_answer", "beta", "label")
    needs: ClassVar = ("answer", "rejected_answer")
    token_columns: ClassVar = pa.schema(
        [("prompt_ids", IDS), ("chosen_ids", IDS), ("rejected_ids", IDS), ("beta", pa.float32())]
    )
    """``chosen_ids`` and ``rejected_ids`` end with the token that ends the turn; ``beta`` is null without one."""
    sequences: ClassVar = 2
    metrics: ClassVar = {
        "rewards/margins": "margin",
        "rewards/accuracies": "accuracy",
        "rewards/chosen": "reward_chosen",
        "rewards/rejected": "reward_rejected",
        "logps/chosen": "log_prob_chosen",
        "logps/rejected": "log_prob_rejected",
        "kl": "kl",
        "length/chosen": "chosen_tokens",
        "length/rejected": "rejected_tokens",
        "beta": "beta",
    }

    def refusal(self, row: Mapping[str, Any], settings: DPOSettings) -> str | None:
        if (marked := super().refusal(row, settings)) is not None:
            return marked
        label = label_of(row)
        if label is False:
            return BAD
        return ALONE if label is True and not row["rejected_answer"] else None

    def tokenize(self, row: Mapping[str, Any], chat: ChatFormat, settings: DPOSettings) -> Tokens | UntrainableRow:
        for column, reason in (("answer", "no answer"), ("rejected_answer", "no rejected answer")):
            if not row[column]:
                return UntrainableRow("rejected", reason)
        if chat.think and not row["reasoning"]:
            return UntrainableRow("rejected", "no reasoning")
        beta = row["beta"]
        if beta is not None and not (math.isfinite(beta) and beta > 0):
            return UntrainableRow("failed", "its beta is not a number above 0")
        try:
            trace, rejected = (None, row["rejected_answer"]) if chat.think else split_reasoning(row["rejected_answer"])
        except MalformedRecord as error:
            return UntrainableRow("failed", f"rejected answer: {error}")
        prompt, chosen = _split(chat.render(row["messages"] or [], row["answer"], row["reasoning"]))
        same, other = _split(chat.render(row["messages"] or [], rejected, None))
        if prompt != same:
            return UntrainableRow("failed", "its prompt is rendered differently before the rejected answer")
        longest = len(prompt) + max(len(chosen), len(other))
        truncated = longest > settings.max_length
        if truncated:
            if settings.long_rows == "reject":
                return UntrainableRow("rejected", "longer than max_length", longest)
            room = max(0, settings.max_length - len(prompt))
            chosen, other = chosen[:room], other[:room]
        if not chosen or not other:
            return UntrainableRow("rejected", "nothing to train on", longest)
        if chosen == other:
            return UntrainableRow("rejected", SAME if trace is None else SAME_ANSWERS, longest)
        trained = len(chosen) + len(other)
        values = {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": other, "beta": beta}
        return Tokens(values, 2 * len(prompt) + trained, trained, truncated)

    def warnings(self, settings: DPOSettings, rows: int | None, *, at_most: bool = False) -> list[str]:
        return too_many_passes(settings, rows, at_most=at_most)

    def models(self, settings: DPOSettings) -> set[str]:
        if settings.reference is not None:
            return {settings.reference}
        return {settings.student} if settings.reference_by == "engines" else set()

    def asks_engines(self, settings: DPOSettings) -> set[str]:
        return self.models(settings) if settings.reference_by == "engines" else set()

    def costs(self, settings: DPOSettings) -> Costs:
        beside: tuple[str, ...] = ()
        # A student with adapters is its own reference without them.
        if settings.reference_by == "live" and (settings.reference or settings.lora is None):
            beside = (settings.reference or settings.student,)
        return Costs(
            sequences=self.sequences,
            beside=beside,
            reference=True,
            reference_first=settings.reference_by == "workers",
            instead="reference_by: workers",
        )

    def prepare_in_driver(self, spec: TrainingSpec, tokens: TokenManifest) -> None:
        if spec.settings.reference is not None:
            _check_reference(spec)
        if spec.settings.reference_by == "engines":
            from distilray.train.scoring.reference_engines import ask_engines, precision_warnings

            warn(spec, precision_warnings(spec))
            ask_engines(spec, tokens.paths, spec.settings.reference)

    def prepare_in_workers(self, job: Job) -> None:
        if job.settings.reference_by == "workers":
            from distilray.train.methods.dpo.reference_scores import score_by_workers

            score_by_workers(job)
        if job.settings.reference_by != "live":
            from distilray.train.methods.dpo.advice import report_reference

            report_reference(job)

    @contextmanager
    def joins(self, job: Job, folder: str) -> Iterator[Join]:
        if job.settings.reference_by == "live":
            yield unjoined
        else:
            yield partial(join_reference, job.store)

    def arguments(self, settings: DPOSettings, common: dict[str, Any]) -> TrainingArguments:
        from trl import DPOConfig

        return DPOConfig(
            **common,
            loss_type=list(settings.loss),
            loss_weights=list(settings.loss.values()),
            beta=settings.beta,
            label_smoothing=settings.label_smoothing,
            ld_alpha=settings.ld_alpha,
            max_length=None,  # token files hold nothing longer
            remove_unused_columns=False,
        )

    def trainer(self, context: WorkerContext) -> Trainer:
        from distilray.train.methods.dpo.advice import ChosenFalls
        from distilray.train.methods.dpo.collate import PairCollator
        from distilray.train.methods.dpo.reference import live_reference
        from distilray.train.methods.dpo.trainer import PreferenceTrainer

        settings = context.job.settings
        trainer = PreferenceTrainer(
            **context.trainer_inputs(),
            data_collator=PairCollator(context.tokenizer.pad_token_id, settings.beta, settings.row_beta),
            adapters=context.adapters,
            reference=live_reference(context) if settings.reference_by == "live" else None,
        )
        trainer.add_callback(ChosenFalls(context.job))
        return trainer

    def details(self, store: Store, out: str) -> dict[str, Any]:
        """How the reference ranked the pairs."""
        path = f"{out}/{RANKING}"
        return {"reference": store.read_json(path)} if store.exists(path) else {}


def _check_reference(spec: TrainingSpec) -> None:
    settings = spec.settings
    path = spec.models[settings.reference].path
    theirs, mine = vocabulary(path), vocabulary(spec.student_path)
    if theirs.hash != mine.hash:
        raise CannotTrain(
            f"train {settings.name!r}: the reference {settings.reference!r} ({path}) has another tokenizer than the "
            f"student {settings.student!r} ({len(theirs.ids)} tokens, {len(mine.ids)}), so it cannot read the same "
            "tokens; choose a model of the student's family"
        )


def _split(rendered: Rendered) -> tuple[list[int], list[int]]:
    """Tokens of the prompt, and those that the student would write, including the end of its turn."""
    return rendered.input_ids[: rendered.start], rendered.input_ids[rendered.start : rendered.stop]
