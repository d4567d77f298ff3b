"""Finds the models to serve in a run or a checkpoint.

find_students("runs/maths", before=True)
# [ServedModel(id="student", source="runs/maths/training/sft/final", system_prompt="...", ...),
#  ServedModel(id="student-before", source="package://distilray.practice/checkpoints/student_blank", ...)]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from distilray.checkpoints import NotACheckpoint, check_checkpoint, is_local, resolve_path, template_hash
from distilray.errors import InputError
from distilray.ledger import Manifest
from distilray.models import VLLMModel, parse_model
from distilray.serve.settings import ServedModel
from distilray.storage import Store
from distilray.train import TrainSettings, load_chat, parse_settings


class CannotServe(InputError):
    """The run or checkpoint cannot be served; the text says why and what to do."""


def find_students(target: str, *, model_id: str | None = None, before: bool = False) -> list[ServedModel]:
    """The student of ``target``, and with ``before`` also the one that its training started from.

    ``target`` is a run directory (its newest finished training), a Hugging Face checkpoint directory, a hub name or
    ``package://PACKAGE/DIR``. A run's student is served as its recipe says: with the training's system prompt and the
    model's dtype, max_model_len and chat_template_kwargs. Raises :class:`CannotServe`.
    """
    if _is_run(target):
        return _students_of_run(Store.reach(target), model_id or "student", before)
    if before:
        raise CannotServe(f"{target} is a checkpoint, not a run: only a run records the student before its training")
    name = model_id or Path(target.removeprefix("package://")).name.replace("--", "-").replace(":", "-")
    return [_served(target, name)]


def _is_run(target: str) -> bool:
    if target.startswith("package://"):
        return False
    if "://" in target:
        return True
    folder = Path(target).expanduser()
    return any((folder / name).exists() for name in ("recipe.yaml", "run.json", "training", "steps"))


def _students_of_run(run: Store, model_id: str, before: bool) -> list[ServedModel]:
    training = _newest_training(run)
    recipe = _recipe(run)
    settings = _settings_of(recipe, training.name)
    address, mark, query = run.uri.partition("?")
    final = f"{address}/training/{training.name}/final{mark}{query}"
    model = _model(recipe, settings)
    student = _served(final, model_id, settings, model)
    _check_as_trained(run, training.name, final, settings, model.chat_template_kwargs if model else {})
    if not before:
        return [student]
    if model is None:
        raise CannotServe(
            f"{run.shown}/recipe.yaml does not define the model {settings.student!r} that the training started from; "
            "serve the student alone, without --before"
        )
    return [student, _served(model.path, f"{model_id}-before", settings, model, model.revision)]


def _newest_training(run: Store) -> Manifest:
    manifests = [Manifest.read(run, f"training/{name}") for name in run.names("training")]
    started = [manifest for manifest in manifests if manifest]
    finished = [manifest for manifest in started if manifest.finished]
    generative = [manifest for manifest in finished if manifest.details.get("generative", True)]
    if generative:
        return max(generative, key=lambda manifest: manifest.finished or "")
    if finished:
        name = finished[-1].name
        state = f"its training {name!r} made a classifier, which does not answer prompts (see docs/classifiers.md)"
    elif started:
        state = f"its training {started[-1].name!r} is not finished"
    elif run.names(""):
        state = "it has not trained a student"
    else:
        state = "the directory is empty or absent"
    raise CannotServe(
        f"{run.shown}: {state}. `distilray status {run.typed}` shows its progress; "
        f"`distilray run RECIPE --run {run.shown}` continues it"
    )


def _recipe(run: Store) -> dict[str, Any]:
    if not run.exists("recipe.yaml"):
        raise CannotServe(
            f"{run.shown} has no recipe.yaml, so the student's system prompt is unknown; if it has none, serve one of "
            "the training/*/final directories of the run"
        )
    return yaml.safe_load(run.read("recipe.yaml"))


def _trainings(recipe: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    steps = recipe.get("steps", [])
    inner = [step for outer in steps if "repeat" in outer for step in outer["repeat"]["steps"]]
    yield from recipe.get("train", [])
    yield from (step["train"] for step in [*steps, *inner] if "train" in step)


def _settings_of(recipe: Mapping[str, Any], training: str) -> TrainSettings:
    for settings in map(parse_settings, _trainings(recipe)):
        if re.fullmatch(re.escape(settings.name) + r"(-round-\d+)?", training):
            return settings
    raise CannotServe(
        f"recipe.yaml of the run no longer has a training {training!r}; serve training/{training}/final, or run the "
        "recipe that trained it"
    )


def _model(recipe: Mapping[str, Any], settings: TrainSettings) -> VLLMModel | None:
    """The student's model in the recipe, as it was before the training."""
    written = recipe.get("models", {}).get(settings.student)
    if written is None:
        return None
    try:
        model = parse_model(written)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CannotServe(f"recipe.yaml of the run: models.{settings.student}: {place}: {first['msg']}") from error
    return model if isinstance(model, VLLMModel) else None


def _check_as_trained(
    run: Store, training: str, final: str, settings: TrainSettings, variables: Mapping[str, Any]
) -> None:
    """Raise :class:`CannotServe` unless the template and system prompt to be served are those of the training."""
    tokens = f"training/{training}/tokens/manifest.json"
    if not run.exists(tokens):
        return  # deleted to save space
    trained = run.read_json(tokens)["renderer_hash"]
    served = load_chat(resolve_path(final), settings, variables).hash
    if trained != served:
        raise CannotServe(
            f"{final}: its chat template, or the system prompt in {run.shown}/recipe.yaml, differs from the training's "
            f"(now {served}, trained with {trained}), so prompts would not look as in training; restore them"
        )


def _served(
    path: str,
    model_id: str,
    settings: TrainSettings | None = None,
    model: VLLMModel | None = None,
    revision: str | None = None,
) -> ServedModel:
    try:
        check_checkpoint(path)
    except NotACheckpoint as error:
        raise CannotServe(str(error)) from error
    engine: dict[str, Any] = {"revision": revision} if revision else {}
    if model is not None:
        engine |= {} if model.dtype == "auto" else {"dtype": model.dtype}
        engine |= {} if model.max_model_len is None else {"max_model_len": model.max_model_len}
    return ServedModel(
        id=model_id,
        # Every node resolves a name, a package or an object store by itself: such a source stays unchanged.
        source=path if not is_local(path) or "://" in path else str(Path(resolve_path(path)).resolve()),
        system_prompt=settings.system if settings else None,
        template_hash=template_hash(Path(resolve_path(path))) if is_local(path) else None,
        chat_template_kwargs=model.chat_template_kwargs if model else {},
        engine=engine,
    )
