"""Fields of a manifest: a value and its path, so that what is refused is named by where it stands.

spec = Field({"workerGroupSpecs": [{"groupName": "gpu"}]}, "spec")
spec.at("workerGroupSpecs", 0, "groupName")     # Field("gpu", "spec.workerGroupSpecs[0].groupName")
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

SHOWN = 60
"""Most characters of a value in a message."""
PLAIN = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Finding:
    """Something that KubeRay would refuse."""

    field: str
    """Its path in the manifest."""
    value: Any
    """What stands there; None: nothing does."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        state = "is not set" if self.value is None else f"is {shown(self.value)}"
        return f"{self.field} {state}: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class Field:
    """A value in a manifest and its path; the value is None where the manifest has none."""

    value: Any
    path: str = ""

    def at(self, *keys: str | int) -> Field:
        """The field below this one: mappings by name, lists by position."""
        value, path = self.value, self.path
        for key in keys:
            if isinstance(key, int):
                value = value[key] if isinstance(value, list) and key < len(value) else None
            else:
                value = value.get(key) if isinstance(value, dict) else None
            path = joined(path, key)
        return Field(value, path)

    def each(self) -> list[Field]:
        """The elements of a list; none where there is no list."""
        return [self.at(k) for k in range(len(self.value))] if isinstance(self.value, list) else []

    @property
    def present(self) -> bool:
        return self.value is not None

    @property
    def given(self) -> bool:
        """Whether it is there and not empty."""
        return self.value not in (None, "", [], {})

    @property
    def number(self) -> float | None:
        """The value of a number; None for anything else, which the CRD's schema refuses."""
        return self.value if isinstance(self.value, int | float) and not isinstance(self.value, bool) else None

    @property
    def negative(self) -> bool:
        return self.number is not None and self.number < 0

    def refused(self, problem: str, remedy: str) -> Finding:
        return Finding(self.path, self.value, problem, remedy)


def joined(path: str, key: str | int) -> str:
    """``path`` followed by ``key``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not PLAIN.fullmatch(str(key)):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else str(key)


def shown(value: Any) -> str:
    """``value`` as a message names it."""
    text = value if isinstance(value, str) and value else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
