"""A training that failed says which worker's error came first, not who heard of it."""

from __future__ import annotations

import traceback

import pytest

from distilray.train.errors import TrainingFailed


class WorkerGroupError(Exception):
    """As Ray Train raises it: the errors of its workers, by rank."""

    def __init__(self, *said: str) -> None:
        super().__init__("Training failed due to worker errors:\n" + "\n".join(said))
        self.worker_failures = {rank: Exception(text) for rank, text in enumerate(said) if text}


def raised(error: Exception, cause: Exception | None = None) -> str:
    """The traceback of ``error``, raised from ``cause``, as a worker hands it on."""
    try:
        try:
            if cause is not None:
                raise cause
        except Exception as before:
            raise error from before
        raise error
    except Exception:
        return traceback.format_exc()


PEER = raised(RuntimeError("[/gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]:21633"))
DEAD = (
    "A worker health check failed.\nThe actor died unexpectedly before finishing this task.\n"
    "\tactor_id: 51\nWorker exit type: SYSTEM_ERROR Worker exit detail: killed by SIGKILL, maybe for lack of memory."
)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((raised(ValueError("bad row")),), "ValueError: bad row"),
        ((PEER, raised(ValueError("bad row"))), "ValueError: bad row"),
        (("", PEER, raised(MemoryError())), "MemoryError"),
        (
            (PEER, DEAD),
            "Worker exit type: SYSTEM_ERROR Worker exit detail: killed by SIGKILL, maybe for lack of memory.",
        ),
        ((PEER,), "RuntimeError: [/gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]:21633"),
        ((raised(ValueError("cannot load"), OSError("no such file: w.bin")),), "OSError: no such file: w.bin"),
        (
            (raised(RuntimeError("Error(s) in loading state_dict:\n\tsize mismatch for lm_head: 64, 96.")),),
            "RuntimeError: Error(s) in loading state_dict: size mismatch for lm_head: 64, 96.",
        ),
    ],
)
def test_the_first_cause_among_the_workers_is_told(said: tuple[str, ...], why: str) -> None:
    failed = TrainingFailed.because("sft", WorkerGroupError(*said))
    assert str(failed) == (
        f"train 'sft' failed: {why}. Checkpoints are kept: run the same command again to continue from the last one"
    )


def test_an_error_of_the_controller_is_told_as_what_it_wraps() -> None:
    error = Exception("Training failed due to controller error:\nno nodes")
    error.controller_failure = OSError("no space left on device: /runs")  # pyright: ignore[reportAttributeAccessIssue]
    assert str(TrainingFailed.because("sft", error)).startswith("train 'sft' failed: no space left on device: /runs. ")
    assert str(TrainingFailed.because("sft", KeyError())).startswith("train 'sft' failed: KeyError. ")
