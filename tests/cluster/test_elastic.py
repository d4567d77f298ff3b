"""Runs on clusters whose nodes come and go: every row is there once, and every reply was asked for once."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from distilray.ledger import Manifest, reconcile
from tests.support.autoscaling import AutoscalingNodes
from tests.support.cluster_driver import Driver
from tests.support.nodes import Nodes, wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

PHASE, UNIT = "steps/01-answer+check", 20
RECIPE = """
name: elastic
models:
  teacher: {{kind: echo, concurrency: 8, latency_s: 0.3, replicas: {{min: 1, max: 3}}, cpus: {cpus}}}
sources:
  - {{name: rows, path: {folder}/rows.jsonl, language: en}}
steps:
  - answer: {{model: teacher}}
  - check: {{language: false}}
resources: {{unit_rows: 20, runners: 2, runner_cpus: 0.25, rows_in_flight: 120}}
"""


class Growing(Driver):
    def __init__(self, nodes: Nodes | AutoscalingNodes, folder: Path, rows: int, cpus: float) -> None:
        self.expected = rows
        with (folder / "rows.jsonl").open("w") as file:
            for k in range(rows):
                file.write(json.dumps({"instruction": f"what is {k}", "reference": str(k)}) + "\n")
        super().__init__(nodes, folder, RECIPE.format(folder=folder, cpus=cpus))

    def progress(self) -> dict[str, Any]:
        return self.store.read_json("progress.json") if self.store.exists("progress.json") else {}

    def engines(self) -> int:
        return self.progress().get("models", {}).get("teacher", {}).get("engines", 0)

    def published(self) -> int:
        return sum(name.endswith(".parquet") for name in self.store.names(PHASE))

    def until(self, condition: Any, what: str) -> None:
        wait_for(lambda: condition() or not self.runs(), what, 300)
        assert self.runs(), f"it was over before: {what}\n{self.log()}"

    def check(self) -> Manifest:
        """Every row is there once, and as many replies as rows were paid for."""
        found = [
            row["id"]
            for name in self.store.names(PHASE)
            if name.endswith(".parquet")
            for row in pq.read_table(self.store.full(f"{PHASE}/{name}"), columns=["id"]).to_pylist()
        ]
        assert len(found) == len(set(found)) == self.expected
        manifest = Manifest.read(self.store, PHASE)
        assert manifest is not None and manifest.steps[0].kept == self.expected
        assert manifest.models["teacher"]["replies"] == self.expected
        assert manifest.models["teacher"]["replayed"] == 0
        assert sum(manifest.engines.values()) == self.expected
        assert reconcile(self.store, deep=True).ok
        return manifest


@pytest.fixture(scope="module")
def come_and_gone(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Growing:
    """A run during which a third node joins, is lost, and another one joins. Runners are on the first two."""
    driver = Growing(nodes, tmp_path_factory.mktemp("come-and-gone"), rows=4000, cpus=1.25)
    driver.until(lambda: driver.published() >= 5 and driver.engines() == 2, "an engine on either node")
    third = nodes.join("third")
    driver.until(lambda: driver.engines() == 3, "an engine on the third node")
    seen = driver.published()
    driver.until(lambda: driver.published() >= seen + 20, "units with three engines")
    nodes.leave(third)
    seen = driver.published()
    driver.until(lambda: driver.published() >= seen + 20, "units after the loss of a node")
    fourth = nodes.join("fourth")
    driver.finish()
    nodes.leave(fourth)
    return driver


def test_a_node_that_joins_takes_work_and_one_that_is_lost_loses_nothing(come_and_gone: Growing) -> None:
    manifest = come_and_gone.check()
    assert sorted(manifest.engines) == ["teacher/0", "teacher/1", "teacher/2"]
    assert min(manifest.engines.values()) > come_and_gone.expected / 20


@pytest.fixture
def growing() -> Iterator[AutoscalingNodes]:
    folder = Path(tempfile.mkdtemp(prefix="grow-"))  # short, as sockets lie below it
    with AutoscalingNodes(folder, {"small": (1, 1), "large": (4, 3)}) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


def test_a_run_begins_on_a_cluster_without_a_node_and_grows_with_it(growing: AutoscalingNodes, tmp_path: Path) -> None:
    driver = Growing(growing, tmp_path, rows=3000, cpus=3)
    try:
        driver.until(lambda: "for a node that has 3 CPUs" in driver.progress().get("waiting", ""), "what it says")
        driver.until(lambda: driver.engines() == 3, "three engines")
        driver.finish()
    except AssertionError:
        print(growing.logs())
        raise
    manifest = driver.check()
    assert sorted(manifest.engines) == ["teacher/0", "teacher/1", "teacher/2"]
    assert "not there yet" in driver.log()
