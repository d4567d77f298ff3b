"""On-policy distillation, in rounds.

A round of GKD (Agarwal et al. 2024): engines of the student as it is now answer the round's prompts, the teachers score
what it wrote, and it is trained on that for the round's steps, with the optimizer of the round before. Each of the
three leaves files, and is not done again where they are there.

    training/gkd/tokens/                       prompts, and the answers that the data has
    training/gkd/round-02/tokens/, scores/     what the student wrote in round 2, and what the teachers think of it
    training/gkd/round-02/student/             a Hugging Face checkpoint of the student after it
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from distilray.ledger import Manifest, fingerprint, now
from distilray.models import EnginePools, PoolHandles, VLLMModel
from distilray.train.distill.sampling import Round, sample_round
from distilray.train.distill.scoring import score_tokens
from distilray.train.distill.settings import DistillSettings
from distilray.train.errors import CannotTrain
from distilray.train.fit import finish, launch
from distilray.train.job import Stretch
from distilray.train.kind import Before
from distilray.train.progress import OnProgress
from distilray.train.settings import TrainResources
from distilray.train.student import checkpoint_address, local_student
from distilray.train.tokens import TokenCounts, counts_of_tokens, made_of

TRIES = 3
"""How often a round is sampled again because an engine died and came back with the weights that it was started with."""


def train_in_rounds(
    context: Before,
    out: str,
    resources: TrainResources,
    on_progress: OnProgress | None = None,
    *,
    fingerprint: str = "",
) -> Manifest:
    """On-policy distillation in ``out``, in place of :func:`distilray.train.fit`; goes on where it was when it is
    called again. ``context.models`` holds teachers and student by name."""
    return _Rounds(context, out, resources, on_progress).run(fingerprint)


class _Rounds:
    def __init__(self, context: Before, out: str, resources: TrainResources, on_progress: OnProgress | None) -> None:
        settings: DistillSettings = context.settings
        assert settings.on_policy is not None and settings.max_steps is not None
        self.settings, self.own = settings, settings.on_policy
        self.store, self.tokens = context.store, context.tokens
        self.models, self.engines = context.models, context.engines
        self.student = context.models[settings.student].model_copy(update={"path": context.student_path})
        self.out, self.resources, self.on_progress = out, resources, on_progress
        self.steps = settings.max_steps // self.own.rounds
        self.pools: EnginePools | None = None
        self.handles: PoolHandles | None = None

    def run(self, mark: str) -> Manifest:
        manifest = Manifest.read(self.store, self.out) or Manifest(
            name=self.settings.name, kind="training", fingerprint=mark, started=now()
        )
        if manifest.finished:
            return manifest
        manifest.write(self.store, self.out)
        done = {entry["round"]: entry for entry in manifest.details.get("rounds", [])}
        with ExitStack() as resident:
            for number in range(1, self.own.rounds + 1):
                if number in done and self.store.exists(f"{self.place(number)}/config.json"):
                    continue
                began = time.monotonic()
                done[number] = self.round(number, resident)
                manifest.seconds += time.monotonic() - began
                manifest.details["rounds"] = [done[k] for k in sorted(done)]
                manifest.write(self.store, self.out)
        from distilray.train.export import publish

        last = local_student(checkpoint_address(self.store, self.place(self.own.rounds)))
        publish(self.store, last, f"{self.out}/final")
        return finish(self.store, manifest, self.settings, self.out, self.resources)

    def place(self, number: int) -> str:
        """Where the student of a round goes."""
        return f"{self.out}/round-{number:02d}/student"

    def round(self, number: int, resident: ExitStack) -> dict[str, Any]:
        """Samples, scores and trains; returns what to tell of it."""
        path = self.student.path if number == 1 else checkpoint_address(self.store, self.place(number - 1))
        present = self.student.model_copy(update={"path": path})
        folder, rows = f"{self.out}/round-{number:02d}/tokens", self.tokens.counts.kept
        share = min(1.0, self.steps * self.settings.batch_size / rows)
        round_ = Round(number, share, folder, self.settings)
        seconds: dict[str, float] = {}
        clock = time.monotonic()
        counts, handles = self.sampled(round_, present, resident)
        seconds["sample"], clock = time.monotonic() - clock, time.monotonic()
        paths = [round_.path(path) for path in self.tokens.paths]
        if not counts.kept:
            raise CannotTrain(f"train {self.settings.name!r}: round {number} has no rows; give more, or larger batches")
        if self.settings.source == "stored":
            score_tokens(self.store, paths, counts.longest, self.settings, self.models, self.engines, handles)
        seconds["score"], clock = time.monotonic() - clock, time.monotonic()
        stretch = Stretch((number - 1) * self.steps, number * self.steps, self.place(number))
        launch(
            self.store, paths, self.settings, self.student.path, self.out, self.resources, self.on_progress,
            self.models, stretch,
        )  # fmt: skip
        seconds["train"] = time.monotonic() - clock
        told = {"rows": counts.kept, "failed": counts.failed, "cut": counts.cut, "tokens": counts.trained_tokens}
        return {"round": number, **told, "seconds": {name: round(value, 2) for name, value in seconds.items()}}

    def sampled(self, round_: Round, student: VLLMModel, resident: ExitStack) -> tuple[TokenCounts, PoolHandles | None]:
        """The round's token files; and the pools, where they stay."""
        weights = student.weights_id()
        asked = [round_.number, round_.share, self.own.model_dump(mode="json"), self.settings.seed, weights]
        keys = {path: fingerprint([asked, made_of(self.store, path)]) for path in self.tokens.paths}
        counts = {path: counts_of_tokens(self.store, round_.path(path), key) for path, key in keys.items()}
        missing = {path: key for path, key in keys.items() if counts[path] is None}
        handles = None
        if self.own.resident:
            handles = self._resident(student, resident)
        if missing and handles is not None:
            counts |= self._asked(round_, student, handles, missing)
        elif missing:
            with EnginePools(self.engines.run, self.engines.logs) as pools:
                counts |= sample_round(self.store, round_, STUDENT, pools.start({STUDENT: student}), missing)
        total = TokenCounts()
        for found in counts.values():
            assert found is not None
            total.add(found)
        return total, handles

    def _resident(self, student: VLLMModel, resident: ExitStack) -> PoolHandles:
        """Pools of student and teachers that stay beside the training; the student's have its present weights."""
        if self.handles is None or self.pools is None:
            models = {STUDENT: student}
            if self.settings.source == "stored":
                assert self.settings.top_k is not None
                models |= {name: self.models[name].scoring(self.settings.top_k) for name in self.settings.weights}
            self.pools = resident.enter_context(EnginePools(self.engines.run, self.engines.logs))
            self.handles = self.pools.start(models)
        pool = self.handles.pools[STUDENT]
        if any(path != student.path for path in self.pools.paths(pool)):
            self.pools.reload(pool, student.path)
        return self.handles

    def _asked(
        self, round_: Round, student: VLLMModel, handles: PoolHandles, missing: Mapping[str, str]
    ) -> dict[str, TokenCounts]:
        """An engine that dies comes back with the weights that it was started with: then its samples do not count."""
        assert self.pools is not None
        for _ in range(TRIES):
            counts = sample_round(self.store, round_, STUDENT, handles, missing)
            if all(path == student.path for path in self.pools.paths(handles.pools[STUDENT])):
                return counts
            self.pools.reload(handles.pools[STUDENT], student.path)
            for path in missing:
                self.store.delete(round_.path(path))
        raise CannotTrain(f"train {self.settings.name!r}: engines of the student keep dying; see {self.engines.logs}")


STUDENT = "the student"
"""Name of the student's pool; no model of a recipe can be called so."""
