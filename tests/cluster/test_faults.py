"""kill -9 of anything, on two nodes with work in flight: the same ids, counts, outcomes and losses as undisturbed.

The engines decode greedily in fp32, so that what a row becomes can be compared to the letter; and so can the losses of
a training whose worker dies, to the last bit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distilray.ledger import Manifest, reconcile
from distilray.report.run_status import status
from distilray.train.loop.metrics import read_metrics
from tests.support.cluster_driver import Driver
from tests.support.nodes import Nodes, wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

ROWS, UNIT = 480, 20
PHASE, TRAINING, TRAINING_STEPS = "steps/01-answer+check", "training/sft", 30
ENGINE, CORE, RUNNER, WORKER = "ray::VLLMEngine", "VLLM::EngineCore", "MapBatches(RowRunner)", "RayTrainWorker"
RECIPE = f"""
name: faults
models:
  teacher:
    path: package://distilray.practice/checkpoints/teacher
    replicas: 2
    cpus: 1.25                     # more than half a node: one engine on each
    dtype: float32
    max_num_seqs: 16
    max_model_len: 512
    sampling: {{max_tokens: 96}}
  student: {{path: "package://distilray.practice/checkpoints/student_blank"}}
sources:
  - {{name: problems, uses: "distilray.practice:problems", with: {{rows: {ROWS}, seed: 5}}}}
steps:
  - answer: {{model: teacher}}
  - check: {{reference: numeric}}
train:
  - kind: sft
    student: student
    max_steps: {TRAINING_STEPS}
    max_length: 256
    batch_size: 16
    micro_batch_size: 8
    learning_rate: 1.0e-3
    precision: fp32
    log_every: 1
    save_every: 5
    resources: {{workers: 2, cpus_per_worker: 1.25}}   # one on each node too
resources: {{unit_rows: {UNIT}, runners: 2, runner_cpus: 0.5, rows_in_flight: 100}}
"""


class Steps(Driver):
    """A run of the recipe above."""

    def published(self) -> int:
        return sum(name.endswith(".parquet") for name in self.store.names(PHASE))

    def until_under_way(self) -> None:
        """Some units are done and more are not: a kill now finds work in flight."""
        wait_for(lambda: self.published() >= 5 or not self.runs(), "the first units", 600)
        assert self.runs() and self.published() < ROWS // UNIT, self.log()

    def rows(self) -> dict[str, tuple[object, ...]]:
        found = {}
        for name in self.store.names(PHASE):
            if name.endswith(".parquet"):
                for row in pq.read_table(self.store.full(f"{PHASE}/{name}")).to_pylist():
                    assert row["id"] not in found, f"{row['id']} is there twice"
                    found[row["id"]] = (row["outcome"], row["reason"], row["answer"])
        return found

    def until_it_trains(self) -> None:
        """There is a checkpoint to go on from, and the student is not finished."""
        wait_for(lambda: self.store.names(f"{TRAINING}/checkpoints") or not self.runs(), "a first checkpoint", 600)
        assert self.runs() and not self.store.names(f"{TRAINING}/final"), self.log()

    def losses(self) -> list[float]:
        records = [record for record in read_metrics(self.store, TRAINING) if "loss" in record]
        assert [record["step"] for record in records] == list(range(1, TRAINING_STEPS + 1)), self.log()
        return [record["loss"] for record in records]

    def counts(self) -> list[tuple[object, ...]]:
        fields = ("name", "rows_in", "created", "kept", "rejected", "failed", "reconciled")
        return [tuple(step[field] for field in fields) for step in status(self.store)["steps"]]


@pytest.fixture(scope="module")
def undisturbed(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steps]:
    driver = Steps(nodes, tmp_path_factory.mktemp("undisturbed"), RECIPE)
    driver.until_under_way()
    driver.until_it_trains()
    nodes.on_both(WORKER)
    driver.finish()
    yield driver


def same_as(undisturbed: Steps, driver: Steps) -> None:
    assert driver.rows() == undisturbed.rows()
    assert driver.counts() == undisturbed.counts()
    assert driver.losses() == undisturbed.losses()
    assert reconcile(driver.store, deep=True).ok


def test_undisturbed_both_engines_and_both_runners_work(nodes: Nodes, undisturbed: Steps) -> None:
    manifest = Manifest.read(undisturbed.store, PHASE)
    assert manifest is not None
    assert sorted(manifest.engines) == ["teacher/0", "teacher/1"] and min(manifest.engines.values()) > ROWS // 10
    assert len(manifest.runners) == 2 and sum(manifest.runners.values()) == ROWS
    assert len({runner.partition("-")[0] for runner in manifest.runners}) == 2  # one on each node
    assert len(undisturbed.rows()) == ROWS


def test_an_engine_then_a_runner_and_then_a_trainings_worker_killed_in_one_run_change_nothing(
    nodes: Nodes, undisturbed: Steps, tmp_path: Path
) -> None:
    driver = Steps(nodes, tmp_path, RECIPE)
    driver.until_under_way()
    nodes.on_both(ENGINE)[0].kill()
    seen = driver.published()
    wait_for(lambda: driver.published() >= seen + 5, "units after the engine's death", 600)
    assert driver.published() < ROWS // UNIT
    nodes.on_both(RUNNER)[1].kill()
    driver.until_it_trains()
    worker = nodes.on_both(WORKER)[1]
    worker.kill()
    wait_for(lambda: nodes.find(WORKER)[1] not in ([], [worker]) or not driver.runs(), "another worker there", 600)
    assert driver.runs(), "the training was over before the kill"
    driver.finish()
    same_as(undisturbed, driver)


def test_an_engines_core_then_both_runners_and_then_the_driver_killed_in_one_run_change_nothing(
    nodes: Nodes, undisturbed: Steps, tmp_path: Path
) -> None:
    driver = Steps(nodes, tmp_path, RECIPE)
    driver.until_under_way()
    nodes.on_both(CORE)[1].kill()
    seen = driver.published()
    wait_for(lambda: driver.published() >= seen + 4, "units after the core's death", 600)
    for runner in nodes.on_both(RUNNER):
        runner.kill()
    seen = driver.published()
    wait_for(lambda: driver.published() >= seen + 2, "units after the runners' deaths", 600)
    assert driver.published() < ROWS // UNIT, "nothing was left for the driver's death"
    os.kill(driver.process.pid, signal.SIGKILL)
    driver.process.wait()
    driver.start()
    driver.finish()
    same_as(undisturbed, driver)
