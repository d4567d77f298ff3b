"""Engines whose start takes time, fails or hangs, as their settings say."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from distilray.models import Engine, EngineFailed, GenerateRequest, GenerativeModel, Reply
from distilray.models.engines.base import log_of


class StartingEngine(Engine):
    """Notes in its model's folder when a start began, and when it ended well."""

    settings: StartingModel
    is_loaded = False

    async def loaded(self) -> None:
        if self.is_loaded:
            return
        settings = self.settings
        notes = notes_of(Path(settings.folder), self.engine)
        with notes.open("a") as file:
            file.write(f"{time.time()}\n")
        if len(notes.read_text().splitlines()) <= settings.fails:
            raise EngineFailed(f"{self.engine} did not start: the port is taken")
        assert self.launch.logs is not None
        log = log_of(self.launch.logs, self.engine)
        log.parent.mkdir(parents=True, exist_ok=True)
        for line in range(settings.lines):
            with log.open("a") as file:
                file.write(f"INFO 11-27 10:22:58 [loader.py:1] Loading weights: {line + 1}/{settings.lines}\n")
            await asyncio.sleep(settings.line_s)
        await asyncio.sleep(settings.silent_s)
        with notes.open("a") as file:
            file.write(f"{time.time()}\n")
        self.is_loaded = True

    async def generate(self, prompt: None, request: GenerateRequest) -> list[Reply]:
        return [Reply("here", "stop")] * request.n


class StartingModel(GenerativeModel):
    engine_class: ClassVar = StartingEngine

    folder: str = Field(description="where starts are noted")
    fails: int = Field(default=0, description="starts that fail")
    lines: int = Field(default=0, description="lines that it writes into its log")
    line_s: float = Field(default=0, description="seconds between them")
    silent_s: float = Field(default=0, description="seconds after the last line until it is ready")
    alone: bool = Field(default=False, description="whether it shares a GPU")
    cpus: float = Field(default=0.1, description="CPUs of an engine")

    @property
    def starts_alone(self) -> bool:
        return self.alone


def notes_of(folder: Path, engine: str) -> Path:
    """Where ``engine`` notes its starts: a line with the time for each beginning and each end."""
    return folder / engine.replace("/", "-")


def noted(folder: Path, engine: str) -> list[float]:
    return [float(line) for line in notes_of(folder, engine).read_text().splitlines()]
