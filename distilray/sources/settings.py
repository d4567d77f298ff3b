"""A source: where instructions come from, as a recipe names it.

sources:
  - name: gsm8k
    path: s3://data/gsm8k/*.jsonl
    columns: {instruction: question}
    reference_pattern: '#### (.+)$'
    license: MIT
    language: en
    task: math
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from distilray.errors import InputError
from distilray.rows import CORE, column_type
from distilray.sources.presets import Preset, with_preset
from distilray.storage import absolute

Form = Literal["auto", "alpaca", "sharegpt", "messages", "prompt_completion", "preference", "trace"]
Format = Literal["auto", "jsonl", "json", "parquet", "hf"]

FIELDS = (
    "instruction", "input", "answer", "system", "history", "messages", "conversations", "prompt",
    "completion", "chosen", "rejected", "reasoning", "reference", "language", "task", "finish_reason",
)  # fmt: skip
"""Fields of a record that we read; ``Source.columns`` maps them to the record's own columns."""


class SourceError(InputError):
    """A source that cannot be read at all; the text names the place, the problem and the remedy."""

    def __init__(self, place: str, value: str, remedy: str) -> None:
        super().__init__(f"{place}: {value}. {remedy}.")
        self.place, self.value, self.remedy = place, value, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.place, self.value, self.remedy)


def fault(place: str, error: OSError) -> SourceError:
    """The error of a source whose file system failed, with what helps against that."""
    if isinstance(error, PermissionError):
        remedy = "Give this user the right to read it"
    elif isinstance(error, FileNotFoundError):
        remedy = "Correct the path, or put the file back"
    else:
        remedy = "Check the address, the disk, the credentials and the network, then run the same command again"
    return SourceError(place, f"cannot be read ({error})", remedy)


class Source(BaseModel):
    """Files, or a function, that hold instructions, and how to read them."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=r"^[\w.-]+$", description="First part of the ids of its rows.")
    path: str | None = Field(
        default=None,
        description="A file, a folder or a glob (*, ?, [..], **), local or a URI (s3://, gs://, hdfs://, "
        "file://), in a recipe relative to where that is read. Compressed text files (.gz, .zst, .bz2, .lz4) are read "
        "as they are.",
    )
    uses: str | None = Field(
        default=None,
        pattern=r"^[\w.]+:\w+$",
        description="Instead of path: package:function, which yields records (dicts).",
    )
    with_: dict[str, Any] = Field(
        default_factory=dict,
        validation_alias="with",
        serialization_alias="with",
        description="Keyword arguments of that function.",
    )
    preset: Preset | None = Field(
        default=None,
        description="A well-known collection whose layout is meant; what the source says itself comes first.",
    )
    form: Form = Field(
        default="auto",
        description="What its records look like; auto recognises each by its keys. trace: whatever the "
        "shape, a record without a complete reasoning trace is malformed.",
    )
    format: Format = Field(
        default="auto",
        description="How its files are written; auto goes by the file's ending, then by its first bytes.",
    )
    split: str | None = Field(default=None, description="Which split of a Hugging Face dataset dict on disk, or which "
                              "list of a JSON file that holds several.")  # fmt: skip
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Our field name mapped to the record's column, where the usual names do not fit: "
        "{instruction: problem_text, reference: golden}. Our names: " + ", ".join(FIELDS) + ", or one of `keep`.",
    )
    keep: dict[str, str] = Field(
        default_factory=dict,
        description="Columns of the record that become columns of the row, with their type: {level: int}. "
        "The record's other columns go to `extra` as JSON.",
    )
    answers: Literal["keep", "drop"] = Field(
        default="keep",
        description="Whether the source's answers (and traces) stay in the row, or are dropped once the "
        "reference has been taken from them.",
    )
    system: Literal["keep", "drop"] = Field(default="keep", description="Whether the source's system prompts stay.")
    reference_pattern: str | None = Field(
        default=None,
        description="Regular expression whose first group is the known right answer, searched in the "
        "reference column, or else in the answer: '#### (.+)$'. Records without it are malformed.",
    )
    trace_pattern: str | None = Field(
        default=None,
        description="Regular expression with the groups `reasoning` and `answer` that split an answer in "
        "one text: '(?s)(?P<reasoning>.+)\\n#### (?P<answer>.+)'. A record that it does not match "
        "is malformed.",
    )
    license: str | None = Field(default=None, description="License of its texts, for the dataset card: MIT, CC BY 4.0.")
    language: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2}$",
        description="ISO 639-1 code of all its rows; guessed from the script if not given.",
    )
    task: str | None = Field(default=None, description="Task of all its rows: math, code, ...")
    limit: int | None = Field(default=None, gt=0, description="Maximum number of rows, in the order of its files.")
    lost_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="A run ends with exit code 1 if more than this share of its records was lost: malformed, or not "
        "readable. A file that cannot be read to its end counts as more than any share but 1: nobody knows its loss.",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, settings: Any) -> Any:
        return with_preset(settings)

    @field_validator("reference_pattern", "trace_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None, info: Any) -> str | None:
        if pattern is None:
            return None
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if info.field_name == "reference_pattern" and not compiled.groups:
            raise ValueError(f"{pattern!r} has no group; put parentheses around the reference")
        if info.field_name == "trace_pattern" and not {"reasoning", "answer"} <= set(compiled.groupindex):
            raise ValueError(f"{pattern!r} lacks the groups (?P<reasoning>...) and (?P<answer>...)")
        return pattern

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.path is None) == (self.uses is None):
            raise ValueError(f"source {self.name!r} needs either `path` or `uses`, and not both")
        if self.with_ and self.uses is None:
            raise ValueError(f"source {self.name!r} has `with` but no `uses`")
        for column, kind in self.keep.items():
            if column in CORE.names:
                raise ValueError(f"keep: {column!r} is a column that every row has; choose another name")
            try:
                column_type(kind)
            except KeyError as error:
                raise ValueError(
                    f"keep: {column!r} has type {kind!r}; types are string, int, float, bool, list<...>"
                ) from error
        for ours in self.columns:
            if ours not in FIELDS and ours not in self.keep:
                raise ValueError(
                    f"columns: {ours!r} is not one of our field names; they are {', '.join([*FIELDS, *self.keep])}"
                )
        return self

    def columns_written(self) -> dict[str, str]:
        """Columns that rows of this source have in addition to the core ones, with their type names."""
        return dict(self.keep)

    def anchored(self) -> Self:
        """This source with a local path made absolute, since workers run in other directories."""
        return self if self.path is None else self.model_copy(update={"path": absolute(self.path)})


AnchoredSource = Annotated[Source, AfterValidator(Source.anchored)]
"""A source of a recipe."""
