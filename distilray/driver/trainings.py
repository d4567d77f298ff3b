"""The trainings of a recipe, among its steps and after them: kept rows to tokens, tokens to a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from distilray.checkpoints import checkpoint_address
from distilray.driver.demonstrations import prepare_demonstrations
from distilray.driver.events import Event, Listener
from distilray.driver.nothing_left import refuse_nothing_left
from distilray.driver.residents import Residents, asked_after
from distilray.export import model_card
from distilray.ledger import Manifest, UnitInput, fingerprint, open_stage
from distilray.models import ClassifierModel, ModelSettings, VLLMModel
from distilray.planning import TrainingStage
from distilray.recipe import Recipe, TrainEntry
from distilray.runner import Context, RefreshedGauges, versions
from distilray.steps import Step
from distilray.storage import Store
from distilray.train import Engines, OnProgress, TrainingSpec, TrainProgress, prepare_tokens, read_tokens

CARD = "README.md"
Units = Sequence[tuple[str, UnitInput]]


@dataclass
class Students:
    """Checkpoints of finished trainings, by the training's name; in a repeat the last round's."""

    paths: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    last: str | None = None
    """That of the last one that is generative, relative to the run: a classifier answers no prompts."""
    name: str | None = None
    """The model of the recipe that it was trained from."""
    system: str | None = None


class Trainings:
    """Executes the trainings of one run; finished ones are not repeated."""

    def __init__(
        self,
        context: Context,
        recipe: Recipe,
        listen: Listener,
        residents: Residents | None = None,
        *,
        skip: bool = False,
    ) -> None:
        """``residents``: the run's engines, which make room for a training, and which it may ask. ``skip``: nothing is
        trained, and later steps ask the untrained students, as in a pilot."""
        self.context, self.recipe, self.listen, self.residents, self.skip = context, recipe, listen, residents, skip
        self.students = Students()

    def after(self, units: Units, rows: str) -> Students:
        """Runs the trainings that follow the steps; ``rows`` is the fingerprint of the rows in ``units``. Returns the
        students of these, and of those among the steps."""
        for place, entry in enumerate(self.recipe.train, 1):
            if self.residents is not None:
                self.residents.ahead = asked_after(self.recipe, place)
            others = {name: model.weights_id() for name, model in self._models_used(entry).items()}
            settings = entry.settings.model_dump(mode="json")
            mark = fingerprint([rows, self._starts_from(entry)[1], settings, others])
            self.listen(Event("started", entry.directory))
            self._run(entry, entry.directory, units, mark)
            self.listen(Event("done", entry.directory))
        return self.students

    def among(self, stage: TrainingStage, units: Units) -> ModelSettings:
        """Runs a training among the steps. Returns its student as a model that later steps can ask."""
        before = self.recipe.all_models()[stage.model]
        if self.skip:
            return before
        self._run(stage.entry, stage.directory, units, stage.fingerprint)
        path = checkpoint_address(self.context.store, f"{stage.directory}/final")
        return before.model_copy(update={"path": path})

    def _run(self, entry: TrainEntry, folder: str, units: Units, mark: str) -> None:
        store, settings, students = self.context.store, entry.settings, self.students
        refuse_nothing_left(store, self.recipe)
        path, _ = self._starts_from(entry)
        with RefreshedGauges(store.shown, folder) as gauges:
            spec = TrainingSpec(
                store=store,
                out=folder,
                method=entry.method,
                settings=settings,
                student_path=path,
                template_variables=self._template_variables(entry),
                resources=entry.resources,
                models=self._models_used(entry),
                engines=self._engines(entry),
                fingerprint=mark,
                on_progress=_reporter(store, folder, self.listen, gauges),
            )
            _train(spec, [unit for _, unit in units], self._demonstrating(entry))
        if not store.exists(f"{folder}/final/{CARD}"):  # a kill may have come between
            _write_card(store, self.recipe, entry, folder, path)
        students.paths[settings.name] = f"{folder}/final"
        students.fingerprints[settings.name] = mark
        if entry.method.is_generative:
            students.last = students.paths[settings.name]
            students.name, students.system = settings.student, settings.system

    def _engines(self, entry: TrainEntry) -> Engines:
        """The engines that a training may ask, those of the run that there is room for among them."""
        run, logs, residents = self.context.run, self.context.logs, self.residents
        if residents is None:
            return Engines(run, logs)
        residents.for_training(entry)
        return Engines(run, logs, residents.pools, partial(residents.for_workers, entry))

    def _starts_from(self, entry: TrainEntry) -> tuple[str, str]:
        """Where the checkpoint is that a training starts from, and what identifies its weights.

        One in a repeat that names itself in ``start_from`` starts from the result of the round before; in the first
        round from the training that it names next, or from the student.
        """
        students = self.students
        for name in entry.settings.starts:
            if name in students.paths:
                return checkpoint_address(self.context.store, students.paths[name]), students.fingerprints[name]
        student = self.recipe.models[entry.settings.student]
        assert isinstance(student, VLLMModel | ClassifierModel)
        return student.path, student.weights_id()

    def _template_variables(self, entry: TrainEntry) -> Mapping[str, Any]:
        """What the student's chat template is given, in training as in evaluation and service."""
        student = self.recipe.models[entry.settings.student]
        return student.chat_template_kwargs if isinstance(student, VLLMModel) else {}

    def _demonstrating(self, entry: TrainEntry) -> Step | None:
        """The step whose demonstrations a training learns, in place of the rows' own answers."""
        learn = entry.settings.demonstrations
        if learn is None:
            return None
        step = next(other.named.step for other in self.recipe.all_steps() if other.name == learn.step)
        assert isinstance(step, Step)  # the recipe was checked
        return step

    def _models_used(self, entry: TrainEntry) -> dict[str, VLLMModel]:
        """The recipe's models that a training asks or loads in addition to its student."""
        wanted = entry.method.models(entry.settings)
        return {
            name: model
            for name, model in self.recipe.models.items()
            if name in wanted and isinstance(model, VLLMModel)  # the recipe was checked: all of them are
        }


def _write_card(store: Store, recipe: Recipe, entry: TrainEntry, folder: str, base: str) -> None:
    manifest = Manifest.read(store, folder)
    assert manifest is not None
    models = {name: model.title for name, model in recipe.models.items() if name != entry.settings.student}
    text = model_card(
        entry.method,
        entry.settings,
        read_tokens(store, f"{folder}/tokens"),
        title=f"{recipe.name}: {folder.rpartition('/')[2]}",
        base=base,
        licenses={source.name: source.license for source in recipe.sources},
        details=manifest.details,
        versions=manifest.versions,
        models=models,
        recipe=recipe.to_yaml(),
    )
    store.write(f"{folder}/final/{CARD}", text.encode())


def _train(spec: TrainingSpec, inputs: Sequence[UnitInput], step: Step | None) -> None:
    """Completes the training; ``step``: the one whose demonstrations it learns, in place of the answers."""
    store, folder = spec.store, spec.out
    wanted = Manifest(
        name=folder.rpartition("/")[2], kind="training", fingerprint=spec.fingerprint, versions=versions()
    )
    manifest, _ = open_stage(store, folder, wanted)
    if manifest.finished:
        return
    if step is not None:
        inputs, counts = prepare_demonstrations(store, inputs, spec.settings, step, f"{folder}/demonstrations")
        manifest.details["demonstrations"] = counts.to_json()
        manifest.write(store, folder)
    spec.method.fit(spec, prepare_tokens(spec, inputs))


def _reporter(store: Store, folder: str, listen: Listener, gauges: RefreshedGauges) -> OnProgress:
    """Puts the progress of the training in ``folder`` into the run and its metrics, and tells ``listen``."""

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
        gauges.show(
            distilray_training_tokens_per_second=progress.tokens_per_second,
            distilray_training_mfu=progress.mfu,
            distilray_training_loss=progress.loss,
            distilray_training_step=progress.step,
            distilray_training_steps=progress.steps,
        )
        listen(Event("progress", folder, progress.stage, details))

    return on_progress
