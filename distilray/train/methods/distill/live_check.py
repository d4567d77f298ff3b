"""Whether live teachers give in every worker what their checkpoints give: tested on a few rows, before the first step.

    row        tokens  plain forward pass   worker 0           worker 1
    tiny:3         41  -0.31 -2.07 ...      -0.31 -2.07 ...    -9.40 -8.11 ...    <- what it would teach

A teacher whose weights were spread wrongly, or whose family a trainer computes in another way than its own code (such
as logits that are scaled after they are projected), distils something else, without any error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.distributed as dist

from distilray.train.errors import StopTraining
from distilray.train.methods.distill.live import LiveTeachers
from distilray.train.scoring.forward_pass import ProbeRow
from distilray.train.scoring.teacher_check import compare, probe_rows, tested_path, tolerance_of
from distilray.train.spec import Job

PLAIN = "a plain forward pass of its checkpoint in fp32"


def probes_of(job: Job) -> list[ProbeRow]:
    """The rows to test on, alike in all workers, which call it together."""
    return _from_first(lambda: probe_rows(job.store, job.tokens))


def check_live_teachers(job: Job, teachers: LiveTeachers, probes: Sequence[ProbeRow]) -> None:
    """Compares what each teacher gives in every worker with what its checkpoint gave as it was read, and records the
    mean differences in nats per token. All workers call it together.

    Raises :class:`StopTraining`, in all of them, with the teacher, the worker, the row and the token that disagree.
    """
    for number, name in enumerate(job.settings.weights):
        everybody = _gathered(teachers.log_probs(number, probes))
        problem = _from_first(lambda: _compared(job, name, teachers, number, probes, everybody))  # noqa: B023
        if problem is not None:
            raise StopTraining(problem)


def _compared(
    job: Job, name: str, teachers: LiveTeachers, number: int, probes: Sequence[ProbeRow], everybody: Sequence[Any]
) -> str | None:
    """What is wrong with the teacher ``name``; None, and a record, where nothing is."""
    tolerance = tolerance_of(str(teachers.dtype).removeprefix("torch."))
    workers = {f"worker {rank} of {len(everybody)}": found for rank, found in enumerate(everybody)}
    differences, problems = compare(probes, workers, teachers.plain[number], tolerance, against=PLAIN)
    path = job.models[name].path
    if problems:
        return (
            f"the live teacher {name!r} ({path}) was tested on {len(probes)} rows before it is learned from: "
            f"{'; '.join(problems)}. At most {tolerance:g} nats per token may differ. Compare the checkpoint's files "
            "with its publisher's, or use source: stored, where an engine reads the tokens"
        )
    tested = {"rows": [row.id for row in probes], "nats_per_token": differences}
    job.store.write_json(tested_path(job.out, name), tested)
    return None


def _gathered(value: Any) -> list[Any]:
    """That of every worker, in the first one."""
    if not dist.is_initialized():
        return [value]
    everybody: list[Any] = [None] * dist.get_world_size()
    dist.gather_object(value, everybody if dist.get_rank() == 0 else None)
    return everybody


def _from_first(make: Any) -> Any:
    """What the first worker makes, in all of them."""
    if not dist.is_initialized():
        return make()
    made = [make() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(made)
    return made[0]
