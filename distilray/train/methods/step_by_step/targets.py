"""The two sequences of a row: the model learns a label from one and a rationale from the other."""

from __future__ import annotations

LABEL, RATIONALE = 1, 2
"""Values of the column ``targets``: which of its row's two sequences a token belongs to."""
