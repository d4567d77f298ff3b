"""What a step is: settings, the columns it reads and writes, and what it does to one row.

    class Shout(Step):
        \"\"\"Answer in capitals.\"\"\"
        reads = ("answer",)
        writes = {"answer": "string"}

        async def process(self, row: Row, models: Models) -> Outcome:
            return kept(answer=row["answer"].upper())

A step is plain async Python over one row: no Ray, no shared state, no clock, no randomness except the seeds
that ``models`` derives from the row. So it can be read, tested and rehearsed without a cluster, and gives the same
result however the rows are sharded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from distilray.models import LabelReply, Reply, Sampling
from distilray.prompts import Prompt
from distilray.rows import Outcome, Row
from distilray.steps.shared.demonstrations import Demonstration

T = TypeVar("T")


class ModelChoice(BaseModel):
    """A role that picks its model by a column: ``{by: language, choose: {zh: qwen}, otherwise: gpt}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    by: Literal["language", "task"]
    choose: dict[str, str]
    otherwise: str

    def names(self) -> set[str]:
        return {*self.choose.values(), self.otherwise}


@dataclass(frozen=True)
class ModelRole:
    """Marks the settings of a step that name a model, so that a recipe knows which models a step needs."""

    labels: bool = False
    """Whether the model has to be a classifier, which gives labels, rather than one that answers prompts."""


ModelName = Annotated[str | ModelChoice, ModelRole()]
ClassifierName = Annotated[str | ModelChoice, ModelRole(labels=True)]


@dataclass(frozen=True)
class ModelIdentity:
    """Which model answers, so that a verdict can name it and a reply can be found again."""

    name: str
    """The checkpoint, or the model's name at an endpoint."""
    version: str
    """Identity of the weights, or of the endpoint."""
    sampling: Sampling


class Model(Protocol):
    """A model as one row in one step sees it."""

    @property
    def identity(self) -> ModelIdentity: ...

    async def ask(self, prompt: Prompt[T], row: Row, *, paid: list[Reply] | None = None, **variables: Any) -> T:
        """The parsed reply. If a reply does not parse or was cut by length, the request is repeated (another
        seed); then :class:`~distilray.models.ModelError`, which makes the row ``failed``. Every reply is appended to
        ``paid``, those that were of no use as well."""
        ...

    async def classify(self, row: Row) -> LabelReply:
        """The label that a classifier gives ``row``, with the log-probabilities of all labels."""
        ...

    async def replies(self, prompt: Prompt[Any], row: Row, *, n: int = 1, **variables: Any) -> list[Reply]:
        """``n`` raw replies, whole or cut, for steps that inspect each reply themselves."""
        ...

    async def mean_log_prob(self, tokens: list[int], start: int) -> float:
        """The mean log-probability (nats) of ``tokens[start:]``, each given all before it; ``start`` is at least 1.
        Only engines that score tokens (vLLM's) can tell."""
        ...

    async def continued(
        self, prompt: Prompt[Any], messages: list[dict[str, str]], tokens: list[int], stop_ids: tuple[int, ...]
    ) -> Reply:
        """How the model goes on from ``tokens``, its own token ids, which say the unfinished ``messages`` of a prompt;
        one of ``stop_ids`` ends it. Sampled at temperature 1 where the model is greedy. Only vLLM's engines can."""
        ...


class Models(Protocol):
    def __getitem__(self, name: str | ModelChoice) -> Model: ...


class Step(BaseModel):
    """Settings of one step, parsed from a recipe; ``process`` is what the step does to one row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[Mapping[str, str]] = {}
    prompts: ClassVar[tuple[Prompt[Any], ...]] = ()
    demonstration_columns: ClassVar[tuple[str, ...]] = ()
    """Columns that :meth:`demonstrations` reads; no later step may write them."""
    most_children: ClassVar[int] = 0
    """The most rows that it makes of one, beside the row itself. A plan reads it of the library's own steps."""
    score_columns: ClassVar[tuple[str, ...]] = ()
    """Written columns of numbers by which it rejects rows: their distribution is shown where it has kept none."""
    renamed: ClassVar[tuple[str, str] | None] = None
    """The step's current name in recipes, and its former name, which still seeds its sampling."""

    async def process(self, row: Row, models: Models) -> Outcome:
        raise NotImplementedError(f"{type(self).__name__} does not implement process")

    def columns_read(self) -> set[str]:
        """Columns that these settings make the step read; checked against what earlier steps and sources write."""
        return set(self.reads)

    def columns_written(self) -> dict[str, str]:
        """Columns that these settings make the step write, with their type names."""
        return dict(self.writes)

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return self.prompts

    def demonstrations(self, row: Row, parent: Row | None) -> Iterable[Demonstration]:
        """This step's requests about ``row``, which the step kept, with replies worth learning from.

        ``parent`` is the row that ``row`` was made from, if there is one and both passed the last step. None by
        default: see :mod:`distilray.steps.shared.demonstrations`.
        """
        return ()

    @classmethod
    def has_demonstrations(cls) -> bool:
        """Whether it has demonstrations."""
        return cls.demonstrations is not Step.demonstrations

    def models_used(self) -> dict[str, set[str]]:
        """Setting name to the models it may choose."""
        roles: dict[str, set[str]] = {}
        for name, info in type(self).model_fields.items():
            if any(isinstance(mark, ModelRole) for mark in info.metadata):
                value = getattr(self, name)
                if value is not None:
                    roles[name] = value.names() if isinstance(value, ModelChoice) else {value}
        return roles

    def classifier_settings(self) -> set[str]:
        """The settings in :meth:`models_used` whose models have to be classifiers."""
        fields = type(self).model_fields.items()
        return {name for name, info in fields if any(m.labels for m in info.metadata if isinstance(m, ModelRole))}
