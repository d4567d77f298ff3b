"""The Dockerfiles and the workflow that publishes their images, as far as they can be read without a builder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from distilray import __version__
from distilray.cli.command_line import parse
from tests.support.manifests import CLUSTER
from tests.support.paths import ROOT

DOCKERFILES = sorted((CLUSTER / "docker").glob("*.Dockerfile"))
KINDS = [path.name.partition(".")[0] for path in DOCKERFILES]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "images.yaml").read_text("utf-8"))


def instructions(path: Path) -> list[tuple[str, str]]:
    """(FROM, image), (RUN, command), ... with continued lines joined and comments removed."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(line.split()[0].upper(), line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def of(path: Path, name: str) -> list[str]:
    return [value for instruction, value in instructions(path) if instruction == name]


def test_there_is_one_for_machines_with_gpus_and_one_for_those_without() -> None:
    assert KINDS == ["cpu", "gpu"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=KINDS)
def test_an_image_is_pinned_small_and_not_of_root(path: Path) -> None:
    stages = of(path, "FROM")
    assert len(stages) == 2 and stages[0].endswith(" AS build")
    for stage in stages:
        assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+( AS build)?", stage), stage
    assert of(path, "USER") == ["1000:1000"]
    last = [name for name, _ in instructions(path)]
    assert last.index("USER") > max(k for k, name in enumerate(last) if name in ("RUN", "COPY"))
    assert not of(path, "ADD")
    for command in of(path, "RUN"):
        assert "curl " not in command and "wget http" not in command and "http" not in command
        if "apt-get install" in command:
            assert "--no-install-recommends" in command and "rm -rf /var/lib/apt/lists/*" in command


@pytest.mark.parametrize("path", DOCKERFILES, ids=KINDS)
def test_an_image_is_made_by_the_projects_own_set_up_from_files_that_exist(path: Path) -> None:
    kind = path.name.partition(".")[0]
    assert any(f"make setup EXTRA={kind} DEV=no" in command for command in of(path, "RUN"))
    assert "${DEV:-yes}" in (ROOT / "scripts" / "setup.sh").read_text("utf-8")
    sent = [line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"]
    copied = []
    for value in of(path, "COPY"):
        if not value.startswith("--from="):
            copied += value.split()[:-1]
    assert copied and all((ROOT / name).exists() for name in copied)
    assert sorted(copied) == sorted(sent)


@pytest.mark.parametrize("path", DOCKERFILES, ids=KINDS)
def test_the_operator_finds_in_an_image_what_it_calls(path: Path) -> None:
    """``ray``, ``python`` and ``wget``, in login shells too."""
    last = of(path, "RUN")[-1]
    assert {"wget", "procps"} <= set(last.split()) and "/etc/profile.d/" in last
    assert of(path, "ENV")[0].startswith("PATH=/opt/distilray/.venv/bin:$PATH")


@pytest.mark.parametrize("path", DOCKERFILES, ids=KINDS)
def test_versions_agree(path: Path) -> None:
    kind = path.name.partition(".")[0]
    assert f"-t distilray-{kind}:{__version__} ." in path.read_text("utf-8")
    base = yaml.safe_load((CLUSTER / "base" / "kustomization.yaml").read_text("utf-8"))
    [image] = [image for image in base["images"] if image["name"] == f"distilray-{kind}"]
    assert image["newTag"] == __version__
    ray = re.search(r'"ray\[.*\]==([\d.]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert ray and yaml.safe_load((CLUSTER / "base" / "raycluster.yaml").read_text())["spec"]["rayVersion"] == ray[1]


def test_the_workflow_builds_tries_and_publishes_both_on_tags() -> None:
    assert WORKFLOW[True] == {"push": {"tags": ["v*.*.*"]}}  # YAML reads `on` as true
    job = WORKFLOW["jobs"]["image"]
    assert job["strategy"]["matrix"]["kind"] == KINDS
    assert (ROOT / job["env"]["FILE"].replace("${{ matrix.kind }}", "gpu")).is_file()
    steps = job["steps"]
    for step in steps:
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
    order = [step.get("uses", step.get("run", "")) for step in steps]
    [build] = [k for k, what in enumerate(order) if what.startswith("docker/build-push-action")]
    [push] = [k for k, what in enumerate(order) if what == 'docker push "$IMAGE"']
    trials = [k for k, what in enumerate(order) if "docker run" in what]
    assert build < min(trials) and max(trials) < push
    assert steps[build]["with"]["load"] is True and "push" not in steps[build]["with"]


def test_the_workflow_tries_commands_of_the_product_on_recipes_that_exist() -> None:
    lines = [line for step in WORKFLOW["jobs"]["image"]["steps"] for line in step.get("run", "").splitlines()]
    tried = [line.partition('"$IMAGE" distilray ')[2] for line in lines if '"$IMAGE" distilray ' in line]
    assert len(tried) == 2
    for line in tried:
        words = shlex.split(line)
        parse(words)
        assert (ROOT / words[1].removeprefix("/opt/distilray/")).is_file()
