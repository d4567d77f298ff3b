"""The trainings of a recipe, among its steps and after them: kept rows to tokens, tokens to a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distilray.checkpoints import checkpoint_address
from distilray.driver.demonstrations import prepare_demonstrations
from distilray.driver.events import Event, Listener
from distilray.export import model_card
from distilray.ledger import Manifest, UnitInput, fingerprint, open_stage
from distilray.models import ClassifierModel, ModelSettings, VLLMModel
from distilray.recipe import Loaded, TrainEntry
from distilray.runner import Context, Training, versions
from distilray.steps import Step
from distilray.storage import Store
from distilray.train import (
    DistillSettings,
    Engines,
    PrepareContext,
    SFTSettings,
    TrainProgress,
    fit,
    method_of,
    prepare_tokens,
    read_tokens,
    train_in_rounds,
)

CARD = "README.md"
Units = Sequence[tuple[str, UnitInput]]


@dataclass
class Students:
    """Checkpoints that trainings left, by the training's name; in a repeat the last round's."""

    paths: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    last: str | None = None
    """That of the last one that answers, relative to the run; classifiers are no students to talk to."""
    name: str | None = None
    """The model of the recipe that it grew from."""
    system: str | None = None


class Trainings:
    """Carries out the trainings of one run; what is done already is not done again."""

    def __init__(self, context: Context, loaded: Loaded, listen: Listener) -> None:
        self.context, self.loaded, self.listen = context, loaded, listen
        self.students = Students()

    def after(self, units: Units, rows: str) -> Students:
        """Runs the trainings that follow the steps; ``rows`` is the fingerprint of the rows in ``units``. Returns the
        students of these, and of those among the steps."""
        for entry in self.loaded.trainings:
            others = {name: model.weights_id() for name, model in self._beside(entry).items()}
            settings = entry.settings.model_dump(mode="json")
            mark = fingerprint([rows, self._began_with(entry)[1], settings, others])
            self.listen(Event("started", entry.directory))
            self._run(entry, entry.directory, units, mark)
            self.listen(Event("done", entry.directory))
        return self.students

    def among(self, stage: Training, units: Units) -> ModelSettings:
        """Runs a training that stands among the steps. Returns its student as a model that later steps can ask."""
        self._run(stage.entry, stage.directory, units, stage.fingerprint)
        path = checkpoint_address(self.context.store, f"{stage.directory}/final")
        return self.loaded.models()[stage.model].model_copy(update={"path": path})

    def untrained(self, stage: Training, units: Units) -> ModelSettings:
        """Its student as it is before, for pilots."""
        return self.loaded.models()[stage.model]

    def _run(self, entry: TrainEntry, folder: str, units: Units, mark: str) -> None:
        store, settings, students = self.context.store, entry.settings, self.students
        path, _ = self._began_with(entry)
        inputs = [unit for _, unit in units]
        teaching = self._teaching(entry)
        _train(self.context, entry, folder, path, self._beside(entry), inputs, mark, self.listen, teaching)
        if not store.exists(f"{folder}/final/{CARD}"):  # a kill may have come between
            _write_card(store, self.loaded, entry, folder, path)
        students.paths[settings.name] = f"{folder}/final"
        students.fingerprints[settings.name] = mark
        if method_of(settings).is_generative:
            students.last = students.paths[settings.name]
            students.name, students.system = settings.student, settings.system

    def _began_with(self, entry: TrainEntry) -> tuple[str, str]:
        """Where the checkpoint lies that a training begins with, and what tells its weights from others.

        One in a repeat that names itself in ``start_from`` begins with what it left in the round before, and in the
        first round with the student.
        """
        name, students = entry.settings.start_from, self.students
        if name is not None and name in students.paths:
            return checkpoint_address(self.context.store, students.paths[name]), students.fingerprints[name]
        student = self.loaded.recipe.models[entry.settings.student]
        assert isinstance(student, VLLMModel | ClassifierModel)
        return student.path, student.weights_id()

    def _teaching(self, entry: TrainEntry) -> Step | None:
        """The step whose demonstrations a training learns, in place of the rows' own answers."""
        learn = getattr(entry.settings, "learn", None)
        if learn is None:
            return None
        step = next(other.named.step for other in self.loaded.steps() if other.name == learn.step)
        assert isinstance(step, Step)  # the recipe was checked
        return step

    def _beside(self, entry: TrainEntry) -> dict[str, VLLMModel]:
        """The recipe's models that a training asks or loads beside its student."""
        wanted = method_of(entry.settings).models(entry.settings)
        return {
            name: model
            for name, model in self.loaded.recipe.models.items()
            if name in wanted and isinstance(model, VLLMModel)  # the recipe was checked: all of them are
        }


def _write_card(store: Store, loaded: Loaded, entry: TrainEntry, folder: str, base: str) -> None:
    manifest = Manifest.read(store, folder)
    assert manifest is not None
    models = {
        name: str(getattr(model, "path", None) or getattr(model, "model", model.kind))
        for name, model in loaded.recipe.models.items()
        if name != entry.settings.student
    }
    text = model_card(
        entry.settings,
        read_tokens(store, f"{folder}/tokens"),
        title=f"{loaded.recipe.name}: {folder.rpartition('/')[2]}",
        base=base,
        licenses={source.name: source.license for source in loaded.recipe.sources},
        details=manifest.details,
        versions=manifest.versions,
        models=models,
        recipe=loaded.resolved(),
    )
    store.write(f"{folder}/final/{CARD}", text.encode())


def _train(
    context: Context,
    entry: TrainEntry,
    folder: str,
    path: str,
    models: Mapping[str, VLLMModel],
    inputs: list[UnitInput],
    mark: str,
    listen: Listener,
    teaching: Step | None,
) -> None:
    store = context.store
    wanted = Manifest(name=folder.rpartition("/")[2], kind="training", fingerprint=mark, versions=versions())
    manifest, _ = open_stage(store, folder, wanted)
    if manifest.finished:
        return

    def on_progress(progress: TrainProgress) -> None:
        rate = 0.0 if not progress.eta_s else max(progress.steps - progress.step, 0) / progress.eta_s
        details = {
            "phase": folder,
            "done": progress.step,
            "total": progress.steps,
            "unit": "steps",
            "rate": rate,
            "eta_s": progress.eta_s,
            "loss": progress.loss,
            "tokens_per_s": progress.tokens_per_second,
            "learning_rate": progress.learning_rate,
            "grad_norm": progress.grad_norm,
            "mfu": progress.mfu,
            "memory_gib": progress.memory_gib,
            "models": {},
            "steps": [],
        }
        store.write_json("progress.json", details, durable=False)
        listen(Event("progress", folder, progress.stage, details))

    settings = entry.settings
    if teaching is not None:
        assert isinstance(settings, SFTSettings)
        inputs, counts = prepare_demonstrations(store, inputs, settings, teaching, f"{folder}/demonstrations")
        manifest.details["demonstrations"] = counts.to_json()
        manifest.write(store, folder)
    tokens = prepare_tokens(store, inputs, settings, path, f"{folder}/tokens")
    engines = Engines(context.run, context.logs)
    before = PrepareContext(store, tokens, settings, path, models, engines)
    method_of(settings).before(before)
    if isinstance(settings, DistillSettings) and settings.on_policy:
        train_in_rounds(before, folder, entry.resources, on_progress, fingerprint=mark)
        return
    fit(store, tokens.paths, settings, path, folder, entry.resources, on_progress, fingerprint=mark, models=models)
