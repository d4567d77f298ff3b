"""Two pairs about one problem of the practice world: right over a slip, and the other way round."""

from __future__ import annotations

from typing import Any

_ASKED = [{"role": "user", "content": "Tom has 482 apples and gets 379 more. How many apples does Tom have now?"}]
_RIGHT = "482+379\n\nones 2+9+0=11\n\ntens 8+7+1=16\n\nhundreds 4+3+1=8\n\nanswer: 861"
_SLIP = "482+379\n\nones 2+9+0=11\n\ntens 8+7+1=15\n\nhundreds 4+3+1=8\n\nanswer: 851"

PAIRS: list[dict[str, Any]] = [
    {"messages": _ASKED, "chosen": _RIGHT, "rejected": _SLIP},
    {"messages": _ASKED, "chosen": _SLIP, "rejected": _RIGHT},
]
