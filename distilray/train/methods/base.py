"""What a kind of training brings of its own: its settings, its tokens and its trainer.

Everything else is shared: reading rows, files of tokens, order of rows, sharding, checkpoints, reports and export.
Nothing here imports torch: recipes and Ray's driver ask a kind for its settings long before anything is trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.models import ClassifierModel, VLLMModel
from distilray.train.memory.estimate import Costs
from distilray.train.settings import TrainSettings

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments

    from distilray.storage import Store
    from distilray.train.data.tokens import TokenManifest
    from distilray.train.data.training_data import TrainingData
    from distilray.train.launch.job import Job


Join = Callable[[str, pa.Table], pa.Table]
"""Takes the path of a token file and its kept rows, and gives the rows with the columns that lie beside them."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Where engines that a training asks belong: ``run`` is the run's id, ``logs`` a directory for what they print."""

    run: str
    logs: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A row that can be trained on."""

    values: dict[str, Any]
    """One for each of the kind's ``token_columns``."""
    length: int
    """Tokens that go through the student for this row."""
    trained: int
    """Tokens whose probability the loss looks at."""
    truncated: bool = False
    """Whether its end was cut off to fit."""


@dataclass(frozen=True, slots=True)
class UntrainableRow:
    """A row that cannot be trained on."""

    outcome: str
    """``rejected`` or ``failed``."""
    reason: str
    length: int | None = None
    """In tokens, where that is known."""


@dataclass(frozen=True)
class PrepareContext:
    """What the driver knows when there are tokens, and no worker yet."""

    store: Store
    tokens: TokenManifest
    settings: Any
    student_path: str
    models: Mapping[str, VLLMModel]
    """Those that the kind names in :meth:`TrainingMethod.models`."""
    engines: Engines

    @property
    def out(self) -> str:
        """The training's folder in ``store``."""
        return self.tokens.folder.rpartition("/")[0]


@dataclass(frozen=True)
class WorkerContext:
    """What a worker has ready when it asks a kind for its trainer."""

    job: Job
    arguments: TrainingArguments
    model: PreTrainedModel
    """The student, in fp32, not sharded yet."""
    tokenizer: PreTrainedTokenizerBase
    feed: TrainingData
    order: np.ndarray
    """Indices of the feed's rows, shape ``(steps * batch_size,)``: see :mod:`distilray.train.data.order`."""
    adapters: Any
    """peft's settings of the adapters to train, or None."""


class TrainingMethod(ABC):
    """One kind of training; there is one instance of each, in :mod:`distilray.train.methods.registry`."""

    settings: ClassVar[type[TrainSettings]]
    trains: ClassVar[type[VLLMModel] | type[ClassifierModel]] = VLLMModel
    """What kind of model the recipe has to call the student."""
    is_generative: ClassVar[bool] = True
    """Whether what comes out answers prompts: whether it can be evaluated, served and talked to."""
    auto: ClassVar[str] = "AutoModelForCausalLM"
    """transformers' class that loads the student."""
    adapter_task: ClassVar[str] = "CAUSAL_LM"
    """peft's word for what adapters are trained for."""
    reads: ClassVar[tuple[str, ...]]
    """Columns of rows that the tokens are made of; those that a run does not have read as None."""
    needs: ClassVar[tuple[str, ...]]
    """Those of them without which there is nothing to train on."""
    token_columns: ClassVar[pa.Schema]
    """What :class:`Tokens` holds; lists of these are what packing concatenates."""
    sequences: ClassVar[int] = 1
    """Sequences of up to ``max_length`` tokens that a row is."""
    metrics: ClassVar[Mapping[str, str]] = {}
    """The trainer's name of a logged figure to its name in metrics.jsonl, beyond what every training reports."""

    def columns(self, settings: Any) -> tuple[str, ...]:
        """Columns that tokens are made of with these settings."""
        return self.reads

    def needed(self, settings: Any) -> tuple[str, ...]:
        """Those of them without which there is nothing to train on."""
        return self.needs

    def form(self, path: str, settings: Any) -> Any:
        """How rows are put for the student at ``path``, with a ``hash`` of it; what :meth:`tokenize` is given.

        Raises :class:`~distilray.train.errors.CannotTrain` where it cannot be trained on rows.
        """
        from distilray.train.data.chat import load_chat

        return load_chat(path, settings)

    @abstractmethod
    def tokenize(self, row: Mapping[str, Any], form: Any, settings: Any) -> Tokens | UntrainableRow:
        """One row, with the columns :meth:`columns`. Raises :class:`jinja2.TemplateError` where the template refuses
        it."""

    def head(self, job: Job) -> dict[str, Any]:
        """What the student is loaded with beyond its checkpoint, such as the labels of a head that begins at random;
        nothing by default."""
        return {}

    @abstractmethod
    def arguments(self, settings: Any, common: dict[str, Any]) -> TrainingArguments:
        """The trainer's arguments; ``common`` are those of every training."""

    @abstractmethod
    def trainer(self, session: WorkerContext) -> Trainer:
        """The trainer, ready to train; runs in every worker."""

    def models(self, settings: Any) -> set[str]:
        """Names of the recipe's models that are asked or loaded beside the student."""
        return set()

    def costs(self, settings: Any) -> Costs:
        """What its workers' memory depends on, beyond what all trainings' does."""
        return Costs(sequences=self.sequences, is_generative=self.is_generative)

    def before(self, context: PrepareContext) -> None:
        """What the driver does between tokens and training, such as having engines score the tokens; nothing by
        default. Called again after a kill, so what is there already must not be made again."""
        return

    def prepare(self, job: Job) -> None:
        """What all workers do together before rows are fed, such as asking a reference model; nothing by default."""
        return

    @contextmanager
    def beside(self, job: Job, folder: str) -> Iterator[Join]:
        """What lies beside the tokens joins them as they are fed; files may be left in ``folder``, on the node's disk.
        Runs in the first worker of every node."""
        yield lambda path, rows: rows

    def after(self, job: Job, trainer: Trainer) -> None:
        """What all workers do together when the last step is done, such as measuring; nothing by default. Called again
        after a kill that came between."""
        return

    def details(self, store: Store, out: str) -> dict[str, Any]:
        """What the stage's manifest says of a finished training beyond what every training's does."""
        return {}

    def pack_to(self, settings: Any) -> int | None:
        """Tokens of the sequences that rows are packed into; None where every row is a sequence."""
        return None
