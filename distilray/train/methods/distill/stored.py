"""Stored scores as workers read them: flat files on the node's disk, and in every row a pointer for each token.

    input_ids  [ 9  4  7 | 5  8  2]
    labels     [ -  -  - | 5  8  2]      - is ignored
    scores     [-1 -1 -1 | 40 41 42]     entry 40 of the flat files is what the teachers expected in place of 5

A pointer travels with its token, so shuffling, packing, padding, accumulation and any number of workers cannot pair a
score with another token than its own. All teachers score the same tokens, so one pointer serves them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import torch
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from distilray.storage import Store
from distilray.train.errors import CannotTrain
from distilray.train.methods.distill.divergence import TopK
from distilray.train.methods.distill.head import Stored
from distilray.train.scoring.scores import read_scores
from distilray.train.settings import IGNORED

POINTERS = "scores"
NONE = -1
_DTYPES = {"ids": "<i4", "log_probs": "<f2", "rest": "<f4"}


class Joining:
    """Adds pointers to the token rows of one file after another, and their scores to the flat files."""

    def __init__(self, store: Store, scores: Mapping[str, Mapping[str, str]], folder: str) -> None:
        """``scores``: teacher to (token file to its scores' file), paths in ``store``."""
        self.store, self.scores, self.folder = store, scores, folder
        self.written = 0
        self.files: list[dict[str, BinaryIO]] = []

    def table(self, path: str, rows: pa.Table) -> pa.Table:
        """``rows``, the kept ones of the token file ``path``, with the column of pointers."""
        found = [read_scores(self.store, of[path]) for of in self.scores.values()]
        pointers = []
        for row_id, labels in zip(rows["id"].to_pylist(), rows["labels"].to_pylist(), strict=True):
            at = [NONE] * len(labels)
            trained = [place for place, label in enumerate(labels) if place and label != IGNORED]
            for files, teacher, of_teacher in zip(self.files, self.scores, found, strict=True):
                if row_id not in of_teacher or list(of_teacher[row_id].positions) != trained:
                    raise CannotTrain(f"row {row_id!r} is not scored by {teacher!r} token by token; score it again")
                for name, file in files.items():
                    file.write(getattr(of_teacher[row_id], name).tobytes())
            for place in trained:
                at[place] = self.written
                self.written += 1
            pointers.append(at)
        return rows.append_column(POINTERS, pa.array(pointers, pa.list_(pa.int64())))


@contextmanager
def joining(store: Store, scores: Mapping[str, Mapping[str, str]], folder: str) -> Iterator[Joining]:
    """Opens the flat files in ``folder`` and closes them."""
    joined = Joining(store, scores, folder)
    try:
        for k in range(len(scores)):
            joined.files.append({name: open(_path(folder, k, name), "wb") for name in _DTYPES})  # noqa: SIM115
        yield joined
    finally:
        for files in joined.files:
            for file in files.values():
                file.close()


def _path(folder: str, teacher: int, name: str) -> str:
    return os.path.join(folder, f"teacher-{teacher}-{name}.bin")


@dataclass
class ScoreFiles:
    """The flat files in ``folder``, memory-mapped; ``weights`` are the teachers', in the order of the files."""

    folder: str
    weights: Sequence[float]
    top_k: int

    def __post_init__(self) -> None:
        self.maps = [
            {name: np.memmap(_path(self.folder, k, name), dtype, "r") for name, dtype in _DTYPES.items()}
            for k in range(len(self.weights))
        ]

    def at(self, pointers: np.ndarray) -> list[dict[str, torch.Tensor]]:
        """Each teacher's ``ids`` and ``log_probs``, ``(n, top_k)``, and ``rest``, ``(n,)``."""
        rows = []
        for files in self.maps:
            shaped = {
                "ids": files["ids"].reshape(-1, self.top_k),
                "log_probs": files["log_probs"].reshape(-1, self.top_k),
            }
            shaped["rest"] = files["rest"]
            rows.append({name: torch.from_numpy(np.array(values[pointers])) for name, values in shaped.items()})
        return rows


@dataclass
class ScoredCollator(DataCollatorForLanguageModeling):
    """Adds to the padded tokens ``teacher_K_ids``, ``..._log_probs`` and ``..._rest`` of each teacher K, a row for each
    trained token of the batch in order."""

    scores: ScoreFiles | None = None

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        assert self.scores is not None
        batch = super().torch_call(examples)
        pointers = [torch.tensor(example[POINTERS]) for example in examples]
        if self.padding_free:
            pointers = [torch.cat(pointers)]
        padded = pad_sequence(pointers, batch_first=True, padding_value=NONE)
        wanted = padded[:, 1:][batch["labels"][:, 1:] != IGNORED]
        if (wanted == NONE).any():
            raise RuntimeError("a trained token of this batch has no score")
        for k, teacher in enumerate(self.scores.at(wanted.numpy())):
            batch |= {f"teacher_{k}_{name}": values for name, values in teacher.items()}
        return batch


def stored_teachers(inputs: dict[str, Any], weights: Sequence[float]) -> list[Stored]:
    """Takes the teachers' tensors out of a collated batch."""
    return [
        Stored(weight, TopK(*(inputs.pop(f"teacher_{k}_{name}") for name in ("ids", "log_probs", "rest"))))
        for k, weight in enumerate(weights)
    ]
