"""The trainings of a recipe, in order: kept rows to tokens, tokens to a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distilray.driver.events import Event, Listener
from distilray.ledger import Manifest, Store, UnitInput, fingerprint, open_stage
from distilray.models import ClassifierModel, VLLMModel
from distilray.recipe import Loaded, TrainEntry
from distilray.runner import Context, versions
from distilray.train import (
    Before,
    DistillSettings,
    Engines,
    TrainProgress,
    checkpoint_address,
    fit,
    kind_of,
    model_card,
    prepare_tokens,
    read_tokens,
)
from distilray.train.distill.rounds import train_in_rounds

CARD = "README.md"


@dataclass
class Students:
    """Checkpoints that trainings left, by the training's name."""

    paths: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    last: str | None = None
    """That of the last one that answers, relative to the run; classifiers are no students to talk to."""
    name: str | None = None
    """The model of the recipe that it grew from."""
    system: str | None = None


def run_trainings(
    context: Context, loaded: Loaded, units: Sequence[tuple[str, UnitInput]], rows: str, listen: Listener
) -> Students:
    """Runs each training that is not done; ``rows`` is the fingerprint of the rows in ``units``."""
    students = Students()
    for entry in loaded.trainings:
        settings = entry.settings
        student = loaded.recipe.models[settings.student]
        assert isinstance(student, VLLMModel | ClassifierModel)
        path, weights = student.path, student.weights_id()
        if settings.start_from is not None:
            path = checkpoint_address(context.store, students.paths[settings.start_from])
            weights = students.fingerprints[settings.start_from]
        listen(Event("started", entry.directory))
        wanted = kind_of(settings).models(settings)
        models = {
            name: model
            for name, model in loaded.recipe.models.items()
            if name in wanted and isinstance(model, VLLMModel)  # the recipe was checked: all of them are
        }
        others = {name: model.weights_id() for name, model in models.items()}
        mark = fingerprint([rows, weights, settings.model_dump(mode="json"), others])
        _train(context, entry, path, models, [unit for _, unit in units], mark, listen)
        if not context.store.exists(f"{entry.directory}/final/{CARD}"):  # a kill may have come between
            _write_card(context.store, loaded, entry, path)
        listen(Event("done", entry.directory))
        students.paths[settings.name] = f"{entry.directory}/final"
        students.fingerprints[settings.name] = mark
        if kind_of(settings).speaks:
            students.last = students.paths[settings.name]
            students.name, students.system = settings.student, settings.system
    return students


def _write_card(store: Store, loaded: Loaded, entry: TrainEntry, base: str) -> None:
    folder = entry.directory
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
        title=f"{loaded.recipe.name}: {entry.name}",
        base=base,
        licences={source.name: source.licence for source in loaded.recipe.sources},
        details=manifest.details,
        versions=manifest.versions,
        models=models,
        recipe=loaded.resolved(),
    )
    store.write(f"{folder}/final/{CARD}", text.encode())


def _train(
    context: Context,
    entry: TrainEntry,
    path: str,
    models: Mapping[str, VLLMModel],
    inputs: list[UnitInput],
    mark: str,
    listen: Listener,
) -> None:
    store, folder = context.store, entry.directory
    wanted = Manifest(name=entry.name, kind="training", fingerprint=mark, versions=versions())
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
    tokens = prepare_tokens(store, inputs, settings, path, f"{folder}/tokens")
    engines = Engines(context.run, context.logs)
    before = Before(store, tokens, settings, path, models, engines)
    kind_of(settings).before(before)
    if isinstance(settings, DistillSettings) and settings.on_policy:
        train_in_rounds(before, folder, entry.resources, on_progress, fingerprint=mark)
        return
    fit(store, tokens.paths, settings, path, folder, entry.resources, on_progress, fingerprint=mark, models=models)
