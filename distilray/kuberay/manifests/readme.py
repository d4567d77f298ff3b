"""The page beside the manifests: what they are, and the commands."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from distilray.kuberay.manifests.pods import KEYS, RUNS, STORAGE, Objects
from distilray.kuberay.manifests.settings import RenderSettings
from distilray.kuberay.manifests.sizing import NodeGroup, Sized
from distilray.recipe import Recipe


def readme(recipe: Recipe, objects: Objects, settings: RenderSettings, found: Sized, written: Collection[str]) -> str:
    """``written``: the paths of the other files."""
    space = f" -n {settings.namespace}" if settings.namespace else ""
    blocks = [
        f"# {recipe.name} on KubeRay",
        f"Written by `distilray cluster render` from {recipe.origin.rpartition('/')[2]}; run: `{objects.run}`.",
        _nodes(found.groups, found.scales),
        _secrets(objects, space),
        _commands(objects, space, written),
        _paths(recipe, objects),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _nodes(groups: Iterable[NodeGroup], scales: bool) -> str:
    rows = [
        f"| {group.name} | {group.count} | {group.cpus} | {group.memory_gib} GiB | "
        f"{f'{group.gpus} {group.accelerator}'.strip() if group.gpus else '-'} |"
        for group in groups
    ]
    who = "Ray's autoscaler starts nodes when they are asked for." if scales else "All nodes are there from the start."
    head = "| nodes | how many | CPUs | memory | GPUs |\n|---|---|---|---|---|"
    return "\n".join([head, *rows, "", f"{who} A head of its own works on nothing."])


def _secrets(objects: Objects, space: str) -> str:
    lines = [
        f"Keys come from Secrets, of which no manifest holds a value: `{KEYS}` (HF_TOKEN, DISTILRAY_API_KEYS, keys of "
        f"endpoints) and `{STORAGE}` (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)."
    ]
    if objects.secrets:
        given = " ".join(f"--from-literal={name}=..." for name in objects.secrets)
        lines += ["The recipe needs:\n", f"```sh\nkubectl create secret generic {KEYS}{space} {given}\n```"]
    return "\n".join(lines)


def _commands(objects: Objects, space: str, written: Collection[str]) -> str:
    lines = ["kubectl apply -k storage                       # the recipe and its volumes"]
    if "storage/prefetch.yaml" in written:
        lines.append(f"kubectl wait{space} --for=condition=complete job/{objects.called('weights')} --timeout=6h")
    lines += [
        "kubectl apply -k run                           # the run; a retry goes on where it was",
        f"kubectl get{space} rayjob {objects.name} --watch",
        f"kubectl logs{space} -f -l job-name={objects.name}    # what it prints",
    ]
    if "serve/rayservice.yaml" in written:
        lines.append(
            "kubectl apply -k serve                         # the student, when it is trained: see `source` in it"
        )
    if "nightly/raycronjob.yaml" in written:
        lines.append("kubectl apply -k nightly                       # needs the operator's feature gate RayCronJob")
    lines.append("kubectl apply -k cluster                       # or a cluster that stays, for `ray job submit`")
    return "\n".join(["```sh", *lines, "```"])


def _paths(recipe: Recipe, objects: Objects) -> str:
    """What pods have to find where the recipe says it is."""
    local = [source.path for source in recipe.sources if source.path and "://" not in source.path]
    if not local:
        return ""
    where = f"the volume `{objects.called('runs')}`, mounted at {RUNS}" if objects.on_volume else "the image"
    names = ", ".join(f"`{source.name}`" for source in recipe.sources if source.path and "://" not in source.path)
    return (
        f"Sources {names} are paths: pods look for them in {where}; relative ones lead there from where the job "
        "starts. Copy the files there, or give the sources URIs."
    )
