"""What a training method is: its settings, its tokens and its trainer. Everything else is shared: reading rows, token
files, order of rows, sharding, checkpoints, reports and export.

A method is a class in a folder or file of its own below ``methods/`` and one line in
:mod:`distilray.train.methods.registry`. A user's method needs neither: a recipe names it by ``uses``, in place of
``kind``, and the class must be importable where the driver and the workers run:

    # my_package/losses.py
    class FocalSettings(SFTSettings):
        kind: Literal["focal"] = "focal"
        name: str = "focal"
        gamma: float = 2.0

    class Focal(SFT):
        settings = FocalSettings
        description = "supervised fine-tuning with a focal loss"

        def trainer(self, context):
            from my_package.focal_trainer import FocalTrainer      # imports torch: only where it trains

            return FocalTrainer(**context.trainer_inputs(), gamma=context.job.settings.gamma)

    # recipe.yaml
    train:
      - {uses: "my_package.losses:Focal", student: student, epochs: 2, gamma: 1.5}

Nothing here imports torch: recipes and the driver ask a method for its settings long before anything is trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.checkpoints import hub_cache, is_local
from distilray.ledger import Manifest
from distilray.models import ClassifierModel, VLLMModel
from distilray.storage import Store
from distilray.train.data.chat import load_chat
from distilray.train.data.probe import check_chat
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.data.tokens import TokenManifest
from distilray.train.data.training_data import Join, unjoined
from distilray.train.data.weights import whole_row_mark
from distilray.train.launch.launcher import fit, warn
from distilray.train.loop.context import WorkerContext
from distilray.train.memory.estimate import Costs
from distilray.train.settings import TrainSettings
from distilray.train.spec import Job, TrainingSpec

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments


class TrainingMethod(ABC):
    """One way to train a student. Instances hold no state; two of the same class are equal."""

    settings: ClassVar[type[TrainSettings]]
    description: ClassVar[str]
    """As model cards describe it: ``supervised fine-tuning``."""
    trains: ClassVar[type[VLLMModel] | type[ClassifierModel]] = VLLMModel
    """What kind of model the recipe has to call the student."""
    is_generative: ClassVar[bool] = True
    """Whether the trained model answers prompts: whether it can be evaluated, served and talked to."""
    auto: ClassVar[str] = "AutoModelForCausalLM"
    """transformers' class that loads the student."""
    adapter_task: ClassVar[str] = "CAUSAL_LM"
    """peft's task type of adapters."""
    reads: ClassVar[tuple[str, ...]]
    """Columns of rows that the tokens are made from; columns that a run does not have read as None."""
    needs: ClassVar[tuple[str, ...]]
    """Those of them that are required."""
    token_columns: ClassVar[pa.Schema]
    """What :class:`Tokens` holds; lists of these are what packing concatenates."""
    sequences: ClassVar[int] = 1
    """Sequences of up to ``max_length`` tokens in each row."""
    metrics: ClassVar[Mapping[str, str]] = {}
    """The trainer's name of a logged figure to its name in metrics.jsonl, beyond what every training reports."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    # What a recipe and a plan ask.

    def columns(self, settings: Any) -> tuple[str, ...]:
        """Columns that tokens are made from with these settings."""
        return self.reads

    def needed(self, settings: Any) -> tuple[str, ...]:
        """Those of them that are required."""
        return self.needs

    def models(self, settings: Any) -> set[str]:
        """Names of the recipe's models that are asked or loaded in addition to the student."""
        return set()

    def asks_engines(self, settings: Any) -> set[str]:
        """Those of them whose engines are asked before the workers start, with the recipe's own settings: they may run
        already."""
        return set()

    def costs(self, settings: Any) -> Costs:
        """What its workers' memory depends on, in addition to what every training's does."""
        packed = self.pack_to(settings) is not None
        return Costs(sequences=self.sequences, is_generative=self.is_generative, packed=packed)

    def check_student(self, path: str, settings: Any, variables: Mapping[str, Any]) -> list[str]:
        """What a plan has to say about training the checkpoint at ``path``, as far as its files are on this machine;
        ``variables`` are those of its chat template. Loads no tokenizer.

        Raises :class:`~distilray.train.errors.CannotTrain` if rows could not be rendered for it.
        """
        if not self.is_generative:
            return []
        ends = check_chat(path, settings, variables)
        if ends is None:
            return [] if is_local(path) else [_unchecked(path, settings.student)]
        if ends.declared:
            return []
        return [
            f"training {settings.name!r}: {settings.student} ends its turns with {ends.token!r}, at which generation "
            "does not stop now; it is trained and declared as eos in the tokenizer and generation_config.json of the "
            "export"
        ]

    def warnings(self, settings: Any, rows: int | None, *, at_most: bool = False) -> list[str]:
        """What is doubtful about training with ``settings`` on ``rows`` rows (None: unknown; ``at_most``: so many or
        fewer): a line each, with the figure and what to do. Shown in the plan, when the training begins, in the run's
        status and its report; none by default."""
        return []

    # What the driver does.

    def fit(self, spec: TrainingSpec, tokens: TokenManifest) -> Manifest:
        """Trains on ``tokens`` and writes the student to ``spec.out``; called again, it continues where it was stopped.
        By default :meth:`prepare_in_driver`, then one launch of workers."""
        warn(spec, self.warnings(spec.settings, tokens.counts.kept))
        self.prepare_in_driver(spec, tokens)
        return fit(spec, tokens.paths)

    def prepare_in_driver(self, spec: TrainingSpec, tokens: TokenManifest) -> None:
        """Runs in the driver between tokenizing and training, for example to have engines score the tokens; does
        nothing by default. Called again after a kill, so existing results must be kept."""
        return

    def details(self, store: Store, out: str) -> dict[str, Any]:
        """Entries of the stage's manifest beyond those of every finished training."""
        return {}

    def card_facts(self, settings: Any) -> dict[str, str]:
        """Lines of the model card's table beyond those of every training."""
        return {}

    # Rows to tokens, in Ray tasks.

    def renderer(self, path: str, settings: Any, variables: Mapping[str, Any]) -> Any:
        """The renderer of rows for the student at ``path``, with a ``hash`` of its format; passed to :meth:`tokenize`.

        ``variables`` are those of the student's chat template. Raises
        :class:`~distilray.train.errors.CannotTrain` if the student cannot be trained on rows.
        """
        return load_chat(path, settings, variables)

    def refusal(self, row: Mapping[str, Any], settings: Any) -> str | None:
        """Why this method does not train on ``row``, whatever ``rows`` says: by default because its source has marked
        it. ``row`` has the columns :meth:`columns`, ``extra`` and those that may be marks."""
        return whole_row_mark(row)

    @abstractmethod
    def tokenize(self, row: Mapping[str, Any], renderer: Any, settings: Any) -> Tokens | UntrainableRow:
        """One row, with the columns :meth:`columns`. Raises :class:`jinja2.TemplateError` if the template refuses
        it."""

    def pack_to(self, settings: Any) -> int | None:
        """Tokens of the sequences that rows are packed into; None where every row is a sequence of its own."""
        return None

    # What the workers do.

    def prepare_in_workers(self, job: Job) -> None:
        """Runs in all workers together before rows are fed, for example to ask a reference model; does nothing by
        default."""
        return

    @contextmanager
    def joins(self, job: Job, folder: str) -> Iterator[Join]:
        """Yields the function that adds columns to token rows as they are fed, such as scores from other files; files
        may be left in ``folder``, on the node's disk. Runs in the first worker of every node. Adds nothing by
        default."""
        yield unjoined

    def head(self, job: Job) -> dict[str, Any]:
        """Arguments that the student is loaded with beyond its checkpoint, such as the labels of a new classification
        head; none by default."""
        return {}

    @abstractmethod
    def arguments(self, settings: Any, common: dict[str, Any]) -> TrainingArguments:
        """The trainer's arguments; ``common`` are those of every training."""

    @abstractmethod
    def trainer(self, context: WorkerContext) -> Trainer:
        """The trainer, ready to train; runs in every worker."""

    def finish_in_workers(self, job: Job, trainer: Trainer) -> None:
        """Runs in all workers together after the last step, for example to measure; does nothing by default. Called
        again after a kill before the export."""
        return


def _unchecked(name: str, student: str) -> str:
    return (
        f"student {student!r}: the chat template and tokenizer of {name} are not checked, since its files are not in "
        f"the hub's cache on this machine ({hub_cache()}); the run checks them when it comes to the training. To check "
        f'them now: hf download {name} --include "*.json" "*.jinja" "*.model"'
    )
