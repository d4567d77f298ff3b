"""The published shares of the types of task (TAPIR, Yue et al. 2024, arXiv 2405.13448, the paper behind post A.5).

Mathematics and reasoning .167 each, code generation and debugging .083 each, all that is no known type .041, and .459
for the rest together: the paper gives .017 to each of 27 types; our 33 leave 29, of which each gets .0158.
"""

from __future__ import annotations

from distilray.prompts import OTHERS, TASKS

_NAMED = {"math": 0.167, "reasoning": 0.167, "code generation": 0.083, "code debugging": 0.083, OTHERS: 0.041}
_REST = [task for task in TASKS if task not in _NAMED]

PUBLISHED_SHARES: dict[str, float] = _NAMED | dict.fromkeys(_REST, (1 - sum(_NAMED.values())) / len(_REST))
