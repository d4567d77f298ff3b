"""What jobs and clusters refer to: the recipe, and volumes for runs and for weights."""

from __future__ import annotations

from distilray.kuberay.manifests.pods import RUNS, STORAGE, Manifest, Objects, metadata
from distilray.kuberay.manifests.settings import CannotRender, RenderSettings
from distilray.storage import without_keys

LONGEST_RECIPE = 900_000
"""Bytes: an object of Kubernetes holds a megabyte."""


def recipe_map(objects: Objects, text: str, origin: str) -> Manifest:
    """The recipe as it is written. Raises :class:`CannotRender` where it is too long."""
    if len(text.encode()) > LONGEST_RECIPE:
        raise CannotRender(f"{origin}: {len(text.encode()):,} bytes are too long for a ConfigMap; shorten it")
    data = {"recipe.yaml": text}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(objects, "recipe"), "data": data}


def claim(objects: Objects, part: str, settings: RenderSettings) -> Manifest:
    """A volume that all nodes write."""
    storage = {"requests": {"storage": f"{settings.storage_gib}Gi"}}
    spec: Manifest = {"accessModes": ["ReadWriteMany"], "resources": storage}
    if settings.storage_class is not None:
        spec["storageClassName"] = settings.storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata(objects, part), "spec": spec}


def run_directory(given: str | None, name: str) -> tuple[str, bool]:
    """The run's directory, and whether it is on the volume for runs. Raises :class:`CannotRender`."""
    run = given or f"{RUNS}/{name}"
    if "://" in run:
        if without_keys(run) != run:
            raise CannotRender(
                f"--run: {without_keys(run)} holds credentials, which everybody who may read the job would see; put "
                f"them into the Secret {STORAGE}, and leave them out"
            )
        return run, False
    if not run.startswith(f"{RUNS}/"):
        raise CannotRender(
            f"--run: {run!r} is on no volume that all nodes share; give a directory below {RUNS}, which is one, or the "
            "URI of an object store (s3://bucket/runs/first)"
        )
    return run.rstrip("/"), True


def below(run: str, path: str) -> str:
    """``path`` below the run's directory, whose URI may end with a query."""
    address, mark, query = run.partition("?")
    return f"{address}/{path}{mark}{query}"
