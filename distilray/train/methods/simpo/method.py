"""SimPO: the rows of preference optimisation, and no reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from distilray.train.data.tokens import TokenManifest
from distilray.train.data.training_data import Join, unjoined
from distilray.train.loop.context import WorkerContext
from distilray.train.memory.estimate import Costs
from distilray.train.methods.dpo.method import DPO
from distilray.train.methods.simpo.settings import SimPOSettings
from distilray.train.spec import Job, TrainingSpec

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments


class SimPO(DPO):
    """Pairs are read and tokenized as DPO's; a row's own beta is not used."""

    settings: ClassVar = SimPOSettings
    description: ClassVar = "preference optimisation without a reference (SimPO)"
    metrics: ClassVar = {
        "simpo/margins": "margin",
        "simpo/accuracies": "accuracy",
        "simpo/chosen": "reward_chosen",
        "simpo/rejected": "reward_rejected",
        "logps/chosen": "log_prob_chosen",
        "logps/rejected": "log_prob_rejected",
        "length/chosen": "chosen_tokens",
        "length/rejected": "rejected_tokens",
    }

    def models(self, settings: SimPOSettings) -> set[str]:
        return set()

    def asks_engines(self, settings: SimPOSettings) -> set[str]:
        return set()

    def costs(self, settings: SimPOSettings) -> Costs:
        return Costs(sequences=self.sequences)

    def prepare_in_driver(self, spec: TrainingSpec, tokens: TokenManifest) -> None:
        return

    def prepare_in_workers(self, job: Job) -> None:
        return

    @contextmanager
    def joins(self, job: Job, folder: str) -> Iterator[Join]:
        yield unjoined

    def arguments(self, settings: SimPOSettings, common: dict[str, Any]) -> TrainingArguments:
        from trl import DPOConfig

        return DPOConfig(
            **common, loss_type=["sigmoid_norm"], loss_weights=[1.0], beta=settings.beta, max_length=None,
            remove_unused_columns=False,
        )  # fmt: skip

    def trainer(self, context: WorkerContext) -> Trainer:
        from distilray.train.methods.dpo.collate import PairCollator
        from distilray.train.methods.simpo.trainer import SimPOTrainer

        settings: SimPOSettings = context.job.settings
        return SimPOTrainer(
            **context.trainer_inputs(),
            data_collator=PairCollator(context.tokenizer.pad_token_id, settings.beta, row_beta=False),
            adapters=context.adapters,
            margin=settings.margin,
        )
