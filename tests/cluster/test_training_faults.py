"""kill -9 of a training's worker on one of two nodes: the losses of an undisturbed run, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.ledger import reconcile
from distilray.train.metrics import read_metrics
from tests.cluster.driver import Driver
from tests.cluster.nodes import Nodes, wait_for
from tests.train.tiny import make_student, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

STEPS, SAVE = 40, 10
OUT, WORKER = "training/sft", "RayTrainWorker"
RECIPE = f"""
name: training-faults
models: {{tiny: {{path: FOLDER/student}}}}
sources: [{{name: sums, path: FOLDER/sums.jsonl}}]
train:
  - kind: sft
    student: tiny
    max_steps: {STEPS}
    max_length: 256
    batch_size: 16
    micro_batch_size: 8
    learning_rate: 1.0e-3
    precision: fp32
    log_every: 1
    save_every: {SAVE}
    resources: {{workers: 2, cpus_per_worker: 1.25}}   # more than half a node: one worker on each
"""


class Training(Driver):
    """A run that trains a tiny student and does nothing else."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        make_student(folder / "student")
        sums = [{"messages": [*row["messages"], {"role": "assistant", "content": row["answer"]}]} for row in rows(300)]
        (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
        super().__init__(nodes, folder, RECIPE.replace("FOLDER", str(folder)))

    def until_under_way(self) -> None:
        """There is a checkpoint to go on from, and the student is not finished."""
        wait_for(lambda: self.store.names(f"{OUT}/checkpoints") or not self.runs(), "a first checkpoint", 600)
        assert self.runs() and not self.store.names(f"{OUT}/final"), self.log()

    def losses(self) -> list[float]:
        records = [record for record in read_metrics(self.store, OUT) if "loss" in record]
        assert [record["step"] for record in records] == list(range(1, STEPS + 1)), self.log()
        return [record["loss"] for record in records]


@pytest.fixture(scope="module")
def undisturbed(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    training = Training(nodes, tmp_path_factory.mktemp("undisturbed"))
    training.until_under_way()
    nodes.on_both(WORKER)
    training.finish()
    yield training


def test_a_worker_killed_on_one_of_two_nodes_changes_no_loss(
    nodes: Nodes, undisturbed: Training, tmp_path: Path
) -> None:
    training = Training(nodes, tmp_path)
    training.until_under_way()
    killed = nodes.on_both(WORKER)[1]
    killed.kill()
    wait_for(lambda: nodes.find(WORKER)[1] not in ([], [killed]) or not training.runs(), "another worker there", 600)
    assert training.runs(), "it was over before the kill, so nothing was shown"
    training.finish()
    assert training.losses() == undisturbed.losses()
    assert reconcile(training.store, deep=True).ok
