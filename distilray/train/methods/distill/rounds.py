"""On-policy distillation, in rounds.

A round of GKD (Agarwal et al. 2024): engines of the current student answer the round's prompts, the teachers score
what it wrote, and it is trained on that for the round's steps, with the optimizer of the round before. Each of the
three writes files, and is not repeated if they exist.

    training/gkd/tokens/                       prompts, and the answers that the data has
    training/gkd/round-02/tokens/, scores/     what the student wrote in round 2, and the teachers' scores of it
    training/gkd/round-02/student/             a Hugging Face checkpoint of the student after it
"""

from __future__ import annotations

import time
from typing import Any

from distilray.checkpoints import checkpoint_address, local_student
from distilray.ledger import Manifest, fingerprint
from distilray.models import EnginePools
from distilray.storage import upload
from distilray.train.data.chat import load_chat
from distilray.train.data.tokens import TokenCounts, TokenManifest, counts_of_tokens, made_of, schema_of
from distilray.train.errors import CannotTrain
from distilray.train.launch.checks import check_training
from distilray.train.launch.launcher import begin, finish, launch
from distilray.train.methods.distill.sampling import Round, sample_round
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.scoring.teacher_engines import score_tokens
from distilray.train.spec import StepRange, TrainingSpec


def train_in_rounds(spec: TrainingSpec, tokens: TokenManifest) -> Manifest:
    """On-policy distillation, in place of one launch; called again, it continues where it was stopped. ``spec.models``
    holds teachers and student by name."""
    check_training(spec)
    return _Rounds(spec, tokens).run()


class _Rounds:
    def __init__(self, spec: TrainingSpec, tokens: TokenManifest) -> None:
        settings: DistillSettings = spec.settings
        assert settings.on_policy is not None and settings.max_steps is not None
        self.spec, self.settings, self.own = spec, settings, settings.on_policy
        self.store, self.out, self.tokens = spec.store, spec.out, tokens
        self.student = spec.models[settings.student].model_copy(update={"path": spec.student_path})
        self.stop_id = load_chat(local_student(spec.student_path), settings, spec.template_variables).stop_id
        self.steps = settings.max_steps // self.own.rounds

    def run(self) -> Manifest:
        manifest = begin(self.spec)
        if manifest.finished:
            return manifest
        done = {entry["round"]: entry for entry in manifest.details.get("rounds", [])}
        for number in range(1, self.own.rounds + 1):
            if number in done and self.store.exists(f"{self.place(number)}/config.json"):
                continue
            began = time.monotonic()
            done[number] = self.round(number)
            manifest.seconds += time.monotonic() - began
            manifest.details["rounds"] = [done[k] for k in sorted(done)]
            manifest.write(self.store, self.out)
        last = local_student(checkpoint_address(self.store, self.place(self.own.rounds)))
        upload(self.store, last, f"{self.out}/final")
        return finish(self.spec, manifest)

    def place(self, number: int) -> str:
        """Where the student of a round goes."""
        return f"{self.out}/round-{number:02d}/student"

    def round(self, number: int) -> dict[str, Any]:
        """Samples, scores and trains; returns the manifest's entry about it."""
        folder, rows = f"{self.out}/round-{number:02d}/tokens", self.tokens.counts.kept
        share = min(1.0, self.steps * self.settings.batch_size / rows)
        round_ = Round(number, share, folder, self.settings, schema_of(self.spec.method), self.stop_id)
        clock = [time.monotonic()]
        counts = self.sampled(round_)
        clock.append(time.monotonic())
        paths = [round_.path(path) for path in self.tokens.paths]
        if not counts.kept:
            raise CannotTrain(
                f"train {self.settings.name!r}: round {number} has no rows; add rows, or raise batch_size"
            )
        if self.settings.source == "stored":
            assert self.settings.top_k is not None
            score_tokens(self.spec, paths, counts.longest, self.settings.weights, self.settings.top_k)
        clock.append(time.monotonic())
        step_range = StepRange((number - 1) * self.steps, number * self.steps, self.place(number))
        launch(self.spec, paths, step_range)
        clock.append(time.monotonic())
        seconds = {name: round(clock[k + 1] - clock[k], 2) for k, name in enumerate(("sample", "score", "train"))}
        counted = {
            "rows": counts.kept,
            "failed": counts.failed,
            "truncated": counts.truncated,
            "tokens": counts.trained_tokens,
        }
        return {"round": number, **counted, "seconds": seconds}

    def sampled(self, round_: Round) -> TokenCounts:
        """The round's token files, from engines that start with the student's current weights.

        vLLM can also load weights into engines that run (``reload_weights``); on CPU that was measured to leave them
        with other weights than the checkpoint's, without an error.
        """
        place = None if round_.number == 1 else checkpoint_address(self.store, self.place(round_.number - 1))
        student = self.student.model_copy(update={"path": place or self.student.path})
        asked = [
            round_.number,
            round_.share,
            self.own.model_dump(mode="json"),
            self.settings.seed,
            student.weights_id(),
        ]
        keys = {path: fingerprint([asked, made_of(self.store, path)]) for path in self.tokens.paths}
        counts = {path: counts_of_tokens(self.store, round_.path(path), key) for path, key in keys.items()}
        missing = {path: key for path, key in keys.items() if counts[path] is None}
        if missing:
            with EnginePools(self.spec.engines.run, self.spec.engines.logs) as pools:
                counts |= sample_round(self.store, round_, STUDENT, pools.start({STUDENT: student}), missing)
        total = TokenCounts()
        for found in counts.values():
            assert found is not None
            total.add(found)
        return total


STUDENT = "the student"
"""Name of the student's pool; no model of a recipe can have this name."""
