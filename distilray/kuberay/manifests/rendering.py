"""A recipe as the files of a kustomization.

render("jobs/recipes/answer-and-sft.yaml", RenderSettings(run="s3://bucket/runs/first")).write("deploy")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distilray.kuberay.checking import check_documents
from distilray.kuberay.documents import documents_in
from distilray.kuberay.gates import parse_gates
from distilray.kuberay.manifests.clusters import cluster_spec, ray_cluster
from distilray.kuberay.manifests.deadlines import START_S, deadline_s
from distilray.kuberay.manifests.files import KUSTOMIZATION, MARK, dumped, kustomization, write
from distilray.kuberay.manifests.jobs import (
    evaluation_command,
    hub_models,
    prefetch_job,
    ray_cron_job,
    ray_job,
    run_command,
)
from distilray.kuberay.manifests.pods import Manifest, Objects
from distilray.kuberay.manifests.readme import readme
from distilray.kuberay.manifests.services import ray_service
from distilray.kuberay.manifests.settings import CannotRender, RenderSettings
from distilray.kuberay.manifests.sizing import NodeGroup, Sized, sized
from distilray.kuberay.manifests.storage import claim, recipe_map, run_directory
from distilray.recipe import Recipe, load_recipe
from distilray.storage import resolve

NOTES = {
    "storage": "The recipe, volumes for runs and weights, and the Job that fetches weights.",
    "run": "The recipe's run, on a cluster of its own.",
    "cluster": "The same cluster, which stays: for jobs that are submitted by hand.",
    "serve": "The trained student behind OpenAI's API.",
    "nightly": "The student evaluated on a schedule; needs the operator's feature gate RayCronJob.",
}


@dataclass(frozen=True)
class Rendered:
    """The files of a recipe's kustomization."""

    files: dict[str, str]
    """Their text by path."""
    groups: tuple[NodeGroup, ...]

    def write(self, out: str) -> None:
        """Writes them below the directory ``out``. Raises :class:`CannotRender` where it holds anything else."""
        write(self.files, out)


def render(place: str, settings: RenderSettings, overrides: Sequence[str] = ()) -> Rendered:
    """The recipe at ``place``, with ``overrides``, as manifests for a cluster with the KubeRay operator.

    Nothing is started. Raises :class:`~distilray.recipe.RecipeError` for a recipe that is wrong or fits on no number of
    the machines, :class:`CannotRender` for settings of which no manifests can be made, what the operator would refuse
    among them.
    """
    recipe = load_recipe(place, overrides)
    found = sized(recipe, settings)
    run, on_volume = run_directory(settings.run, recipe.name)
    name = settings.object_name(recipe.name)
    objects = Objects(
        name=name,
        image=settings.image,
        gpu_image=settings.gpu_image,
        run=run,
        on_volume=on_volume,
        has_weights=bool(hub_models(recipe)),
        secrets=tuple(sorted({key for model in recipe.models.values() for key in model.secrets()})),
        selectors={kind: settings.labels_of(kind) for kind in {group.accelerator for group in found.groups} | {""}},
    )
    made = dict(_manifests(recipe, objects, settings, found, _text(place), run_command(run, overrides)))
    files = {path: f"{MARK}\n{dumped(manifest)}" for path, manifest in made.items()}
    _check(files, settings)
    folders = list(dict.fromkeys(path.partition("/")[0] for path in files))
    for folder in folders:
        names = [path.partition("/")[2] for path in made if path.startswith(f"{folder}/")]
        files[f"{folder}/{KUSTOMIZATION}"] = kustomization(names, settings.namespace, NOTES[folder])
    files[KUSTOMIZATION] = kustomization(["storage", "run"], settings.namespace, "The run and all that it needs.")
    files["README.md"] = readme(recipe, objects, settings, found, files)
    return Rendered(files, found.groups)


def _manifests(
    recipe: Recipe, objects: Objects, settings: RenderSettings, found: Sized, text: str, entrypoint: str
) -> Iterator[tuple[str, Manifest]]:
    yield "storage/recipe.yaml", recipe_map(objects, text, recipe.origin)
    if objects.on_volume:
        yield "storage/runs.yaml", claim(objects, "runs", settings)
    if objects.has_weights:
        yield "storage/weights.yaml", claim(objects, "weights", settings)
        yield "storage/prefetch.yaml", prefetch_job(objects, hub_models(recipe))
    cluster = cluster_spec(objects, found.groups, found.scales)
    deadline = deadline_s(recipe, found, settings.hours)
    yield "run/rayjob.yaml", ray_job(objects, cluster, entrypoint, deadline, START_S, settings.retries, settings.queue)
    yield "cluster/raycluster.yaml", ray_cluster(objects, found.groups, found.scales)
    service = ray_service(objects, recipe)
    if service is not None:
        yield "serve/rayservice.yaml", service
    if settings.nightly is not None:
        command = evaluation_command(recipe, objects.run)
        cron = ray_cron_job(objects, cluster, command, START_S, settings.nightly, settings.time_zone)
        yield "nightly/raycronjob.yaml", cron


def _text(place: str) -> str:
    """The recipe as it is written, comments included."""
    system, path = resolve(place)
    with system.open_input_stream(path) as stream:
        return stream.read().decode()


def _check(files: dict[str, str], settings: RenderSettings) -> None:
    """Raises :class:`CannotRender` with everything that the operator would refuse."""
    gates = parse_gates(["RayCronJob"] if settings.nightly is not None else [])
    documents = [document for path, text in files.items() for document in documents_in(text, path)]
    refusals = check_documents(documents, gates).refusals
    if refusals:
        raise CannotRender("\n".join(map(str, refusals)))
