"""What the settings of every kind of model have."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from distilray.checkpoints import anchored
from distilray.models.requests import Sampling

CheckpointPath = Annotated[str, AfterValidator(anchored)]
"""A checkpoint; a directory is absolute from here on, since workers and engines run in other directories."""


class Price(BaseModel):
    """The price of tokens, in any one currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, description="per million prompt tokens")
    output: float = Field(ge=0, description="per million reply tokens")

    def of(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


class Replicas(BaseModel):
    """Engines of a pool that grows and shrinks with the cluster."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: int = Field(default=1, ge=1, description="engines with which work begins, and for which there must be room")
    max: int = Field(ge=1, description="engines that may join while it runs")

    @model_validator(mode="after")
    def _in_order(self) -> Replicas:
        if self.max < self.min:
            raise ValueError(f"replicas: max is {self.max}, but min is {self.min}; give a max of at least {self.min}")
        return self


LABEL = r"!?(?:[\w.-]+|in\([\w.-]+(?:, ?[\w.-]+)*\))"
"""A value of a label selector: ``spot``, ``!spot``, ``in(zone-a, zone-b)``, ``!in(...)``."""


class ModelSettings(BaseModel):
    """A model of any kind, as a recipe names it. A kind subclasses this (or :class:`GenerativeModel`) and names its
    engine; see :mod:`distilray.models.engines.base`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine_class: ClassVar[type | str]
    """The subclass of :class:`~distilray.models.Engine` that answers: the class, or ``package.module:Class`` where
    importing it takes seconds."""

    kind: str = Field(default="", description="the kind of model; one from outside distilray: its `uses`")
    replicas: Annotated[int, Field(ge=1)] | Replicas | Literal["auto"] = Field(
        default=1,
        description="engines: their number, {min: 1, max: 64} for as many as there is room for at any time, or auto: "
        "as many as fill the GPUs that a phase has (on CPUs: one)",
    )
    cpus: float = Field(default=1, ge=0, description="CPUs reserved for one engine")
    accelerator_type: str | None = Field(
        default=None, description="its GPUs, as Ray names them: H100, A100, L4 (resource accelerator_type:H100)"
    )
    label_selector: dict[str, Annotated[str, Field(pattern=rf"^{LABEL}$")]] = Field(
        default={}, description="labels that a node must have: {zone: a}, {zone: '!b'}, {zone: 'in(a, b)'}"
    )
    request_timeout_s: float = Field(default=600, gt=0, description="seconds a request may take, waiting included")
    start_timeout_s: float = Field(
        default=900,
        gt=0,
        description="seconds that a node for its engines may be waited for; then those without anything new in the log "
        "of an engine after which its start has failed, which is tried twice",
    )
    restarts: int = Field(default=20, ge=0, description="how often a dead engine is started again")
    price: Price | None = Field(default=None, description="what its tokens cost you, for budgets in money")

    @property
    def requests_per_engine(self) -> int:
        """Requests that keep one engine busy."""
        return 32

    @property
    def starts_alone(self) -> bool:
        """Whether an engine measures the free memory of a GPU when it starts, which others may be taking meanwhile."""
        return False

    @property
    def spread(self) -> bool:
        """Whether the engine's workers are Ray actors of their own, on any nodes."""
        return False

    def bundles(self) -> list[dict[str, float]]:
        """Resources that one engine reserves, a bundle per piece that must be placed on one node."""
        return [{"CPU": self.cpus}]

    def reserved_bundles(self) -> list[dict[str, float]]:
        """:meth:`bundles`, on the GPUs of the type that is asked for."""
        if self.accelerator_type is None:
            return self.bundles()
        mark = {f"accelerator_type:{self.accelerator_type}": 0.001}  # as Ray's own scheduler asks for it
        return [{**bundle, **mark} if bundle.get("GPU") else bundle for bundle in self.bundles()]

    @property
    def least_replicas(self) -> int:
        """Engines for which there must be room before work begins."""
        return self.replicas.min if isinstance(self.replicas, Replicas) else self._fixed_replicas

    @property
    def most_replicas(self) -> int:
        """Engines that there may be at once."""
        return self.replicas.max if isinstance(self.replicas, Replicas) else self._fixed_replicas

    @property
    def _fixed_replicas(self) -> int:
        """A number is put in place of ``auto`` when a phase is planned; outside of phases it is one."""
        return self.replicas if isinstance(self.replicas, int) else 1

    @property
    def replicas_to_begin(self) -> int:
        """Engines with which work begins."""
        return self.replicas.min if isinstance(self.replicas, Replicas) else 1

    @model_validator(mode="after")
    def _type_of_a_gpu(self) -> ModelSettings:
        if self.accelerator_type is not None and not any(bundle.get("GPU") for bundle in self.bundles()):
            raise ValueError(
                f"accelerator_type is {self.accelerator_type!r}, but an engine reserves no GPU; set gpus, or remove it"
            )
        return self

    @property
    def title(self) -> str:
        """What answers, for cards and tables: the checkpoint, the model's name at an endpoint, or else the kind."""
        return str(getattr(self, "path", None) or getattr(self, "model", None) or self.kind)

    def secrets(self) -> tuple[str, ...]:
        """Environment variables whose values the driver hands to the engine."""
        return ()

    def weights_id(self) -> str:
        """Hash of everything that determines replies apart from the request; 32 hex digits. When it changes, replies
        are requested again and steps that use the model run again. By default: all settings of the kind's own."""
        kind = f"{type(self).__module__}:{type(self).__qualname__}"
        return self._identity(kind=kind, **self.model_dump(mode="json", exclude={*GenerativeModel.model_fields}))

    def check(self) -> None:
        """Raise ``ValueError`` with what is missing, as far as can be checked cheaply before anything starts."""

    def _identity(self, **parts: Any) -> str:
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class GenerativeModel(ModelSettings):
    """A model that replies with text."""

    sampling: Sampling = Field(default=Sampling(), description="how it samples where a step says nothing else")


def check_model(settings: ModelSettings) -> None:
    """:meth:`ModelSettings.check` of ``settings``."""
    settings.check()
