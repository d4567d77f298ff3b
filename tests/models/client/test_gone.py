"""What is said when no engine of a model is left: the first cause in their logs, not that an actor died."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from distilray.models import EchoModel, NoEngineAlive
from distilray.models.client.handles import EngineHandle, PoolHandle
from distilray.models.client.pool import Pool
from distilray.models.engines.base import EngineInfo
from tests.support.models import request

NONE: Any = None
"""No actor is asked."""


def asked(folder: Path) -> str:
    """The error of a request to two engines that are gone, whose logs are in ``folder``."""
    engines = tuple(EngineHandle(f"m/{k}", NONE, folder / f"m-{k}.log") for k in range(2))
    pool = Pool("m", PoolHandle(EchoModel(), engines, EngineInfo("m/0", 0, 0, {})))
    for engine in pool.engines.values():
        engine.up, engine.gone, engine.why = False, True, "The actor died unexpectedly before finishing this task."

    async def ask() -> None:
        pool.note()
        await pool.ask(request("what is 1 plus 1?"))

    with pytest.raises(NoEngineAlive) as caught:
        asyncio.run(ask())
    return str(caught.value)


def test_engines_that_are_gone_are_explained_by_their_logs(tmp_path: Path) -> None:
    assert asked(tmp_path) == "all 2 engines of m are gone: The actor died unexpectedly before finishing this task."
    log = tmp_path / "m-1.log"
    log.write_text("Traceback (most recent call last):\n  File 'core.py'\nOSError: no space left on device\n")
    assert asked(tmp_path) == f"all 2 engines of m are gone: OSError: no space left on device (log: {log})"
