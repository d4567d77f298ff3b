"""Reading a reply that has to be one JSON object: bare, or in the one code fence of the reply.

```json
{"check": "ok", "accuracy": 9.0}          the object; 9.0 is 9; 7.5, "9" and "8/10" are no whole numbers and refused
```
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Object = TypeVar("Object", bound=BaseModel)

_FENCE = re.compile(r"```[a-zA-Z]*\s*(.*?)\s*```", re.DOTALL)
_SHOWN = 200  # characters of a refused reply that its error shows


def read_object(model: type[Object], reply: str, expected: str) -> Object:
    """The object of type ``model`` that ``reply`` is. Raises ValueError that says what was ``expected``, what is wrong
    where, and shows the reply; nothing is picked from a sentence around an object."""
    try:
        value = json.loads(_unfenced(reply.strip()), object_pairs_hook=_whole_numbers)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{expected}; the reply: {error}; found {reply[:_SHOWN]!r}") from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the reply"
        raise ValueError(f"{expected}; {place}: {problem['msg']}; found {reply[:_SHOWN]!r}") from error


def _unfenced(text: str) -> str:
    """What the one fence of ``text`` holds, where no other object stands beside it."""
    fences = list(_FENCE.finditer(text))
    if len(fences) != 1 or "{" in text[: fences[0].start()] + text[fences[0].end() :]:
        return text
    return fences[0][1]


def _whole_numbers(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose whole numbers are integers, however they are written; a key that stands twice is an error."""
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice!r} stands twice")
    return {name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in pairs}
