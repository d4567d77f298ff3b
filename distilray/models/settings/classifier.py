"""Settings of models that give texts labels.

models:
  tasks: {kind: classifier, path: runs/tasks/training/classify/final, replicas: 4}
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from distilray.checkpoints import check_checkpoint, check_classifier, checkpoint_id
from distilray.models.settings.base import CheckpointPath, ModelSettings


class ClassifierModel(ModelSettings):
    """An encoder, or a decoder with a classification head, that gives texts one of its labels: through transformers,
    many texts at once. A student of ``kind: classify`` is one too, before it has a head."""

    engine_class: ClassVar = "distilray.models.engines.classifier:ClassifierEngine"

    kind: Literal["classifier"] = Field(default="classifier", description="a sequence classifier, on Ray actors")
    path: CheckpointPath = Field(
        description="checkpoint: a directory, a Hugging Face name, a URI, or package://PACKAGE/DIR"
    )
    revision: str | None = Field(default=None, description="revision of a Hugging Face name")
    gpus: float = Field(default=0, ge=0, le=1, description="GPUs of one engine: 0 on CPU, a fraction to share one")
    cpus: float = Field(default=1, gt=0, description="CPUs reserved for one engine")
    threads: int | None = Field(
        default=None, ge=1, description="compute threads of an engine on CPU; default: cpus, rounded"
    )
    batch_size: int = Field(default=32, ge=1, description="most texts that go through the model at once")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="precision of computing; auto: the checkpoint's on a GPU, float32 on a CPU"
    )
    long_rows: Literal["reject", "truncate"] | None = Field(
        default=None, description="what happens to texts that are too long; default: as in its training, else reject"
    )

    @model_validator(mode="before")
    @classmethod
    def _does_not_sample(cls, values: Any) -> Any:
        if isinstance(values, dict) and "sampling" in values:
            raise ValueError(f"sampling is {values['sampling']!r}, but a classifier does not sample; remove `sampling`")
        return values

    @property
    def requests_per_engine(self) -> int:
        """A batch in the model and one on its way."""
        return 2 * self.batch_size

    def bundles(self) -> list[dict[str, float]]:
        return [{"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}]

    def weights_id(self) -> str:
        """Hash of what determines its labels; 32 hex digits."""
        weights = checkpoint_id(self.path, self.revision)
        return self._identity(weights=weights, dtype=self.dtype, long_rows=self.long_rows)

    def check(self) -> None:
        """Raise :class:`~distilray.checkpoints.NotACheckpoint` where the path cannot be loaded."""
        check_checkpoint(self.path, chat=False)

    def check_labels(self) -> None:
        """Raise ``NotACheckpoint`` where it is a checkpoint, but cannot give texts labels (yet)."""
        check_classifier(self.path)
