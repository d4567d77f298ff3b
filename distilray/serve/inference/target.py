"""From what a user names (a run, a checkpoint) to the models to serve.

find_students("runs/maths", before=True)
# [ServedModel(id="student", source="runs/maths/training/sft/final", system_prompt="...", ...),
#  ServedModel(id="student-before", source="package://distilray.practice/checkpoints/student_blank", ...)]
"""

import re
from pathlib import Path
from typing import Any

import yaml

from distilray.checkpoints import NotACheckpoint, check_checkpoint, is_local, resolve_path, template_hash
from distilray.errors import InputError
from distilray.ledger import Manifest
from distilray.serve.settings import ServedModel
from distilray.storage import Store
from distilray.train import METHODS, TrainSettings, load_chat, parse_settings


class CannotServe(InputError):
    """What was named cannot be served; the text says why and what to do, in the user's words."""


def find_students(target: str, *, model_id: str | None = None, before: bool = False) -> list[ServedModel]:
    """The student that ``target`` holds, and with ``before`` also the one that its training started from.

    ``target`` is a run directory (its newest finished training), a Hugging Face checkpoint directory, a hub name or
    ``package://PACKAGE/DIR``. Raises :class:`CannotServe`.
    """
    if _is_run(target):
        return _students_of_run(Store.reach(target), model_id or "student", before)
    if before:
        raise CannotServe(f"{target} is a checkpoint, not a run: only a run knows the student before its training")
    name = model_id or Path(target.removeprefix("package://")).name.replace("--", "-").replace(":", "-")
    return [_checked(target, name, None)]


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
    student = _checked(final, model_id, settings.system)
    _check_as_trained(run, training.name, final, settings)
    return [student, _student_before(run, recipe, settings, model_id)] if before else [student]


def _newest_training(run: Store) -> Manifest:
    manifests = [Manifest.read(run, f"training/{name}") for name in run.names("training")]
    started = [manifest for manifest in manifests if manifest]
    finished = [manifest for manifest in started if manifest.finished]
    speaking = [manifest for manifest in finished if METHODS[manifest.details.get("kind", "sft")].is_generative]
    if speaking:
        return max(speaking, key=lambda manifest: manifest.finished or "")
    if finished:
        state = f"its training {finished[-1].name!r} made a classifier, which answers nothing (see docs/classifiers.md)"
    elif started:
        state = f"its training {started[-1].name!r} is not finished"
    elif run.names(""):
        state = "it has not trained a student"
    else:
        state = "there is nothing"
    raise CannotServe(
        f"{run.shown}: {state}. `distilray status {run.typed}` shows how far it is; "
        f"`distilray run RECIPE --run {run.shown}` goes on"
    )


def _recipe(run: Store) -> dict[str, Any]:
    if not run.exists("recipe.yaml"):
        raise CannotServe(
            f"{run.shown} has no recipe.yaml, which says what system prompt the student has; serve one of its "
            "training/*/final directories if it has none"
        )
    return yaml.safe_load(run.read("recipe.yaml"))


def _settings_of(recipe: dict[str, Any], training: str) -> TrainSettings:
    steps = recipe.get("steps", [])
    inner = [step for outer in steps if "repeat" in outer for step in outer["repeat"]["steps"]]
    among = [step["train"] for step in [*steps, *inner] if "train" in step]
    for settings in map(parse_settings, [*recipe.get("train", []), *among]):
        if re.fullmatch(re.escape(settings.name) + r"(-round-\d+)?", training):
            return settings
    raise CannotServe(f"recipe.yaml of the run has no training {training!r} any more; serve training/{training}/final")


def _check_as_trained(run: Store, training: str, final: str, settings: TrainSettings) -> None:
    """The template and system prompt that will be served are those that the training's tokens were rendered with."""
    tokens = f"training/{training}/tokens/manifest.json"
    if not run.exists(tokens):
        return  # given up to save space
    trained, served = run.read_json(tokens)["template_hash"], load_chat(resolve_path(final), settings).hash
    if trained != served:
        raise CannotServe(
            f"{final}: its chat template, or the system prompt in {run.shown}/recipe.yaml, is not the one of the "
            f"training ({served}, trained with {trained}): the student would be asked in a form that it does not know"
        )


def _student_before(run: Store, recipe: dict[str, Any], settings: TrainSettings, model_id: str) -> ServedModel:
    model: dict[str, Any] = recipe.get("models", {}).get(settings.student, {})
    if "path" not in model:
        raise CannotServe(
            f"{run.shown}/recipe.yaml does not say where model {settings.student!r} lies, from which the training "
            "started; serve the student alone, without --before"
        )
    return _checked(str(model["path"]), f"{model_id}-before", settings.system)


def _checked(path: str, model_id: str, system: str | None) -> ServedModel:
    try:
        check_checkpoint(path)
    except NotACheckpoint as error:
        raise CannotServe(str(error)) from error
    # What every node finds by itself (a name, a package, an object store) stays as it is written.
    source = path if not is_local(path) or "://" in path else str(Path(resolve_path(path)).resolve())
    known = template_hash(Path(resolve_path(path))) if is_local(path) else None
    return ServedModel(id=model_id, source=source, system_prompt=system, template_hash=known)
