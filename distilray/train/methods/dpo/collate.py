"""Pairs as a batch: chosen ones first, then rejected ones, padded on the right (TRL's collator), and the columns joined
to them.

prompt 1 2, chosen 3 4, rejected 5            input_ids        [[1, 2, 3, 4], [1, 2, 5, 0]]
                                              completion_mask  [[0, 0, 1, 1], [0, 0, 1, 0]]
                                              reference        [[0, c3, c4], [0, r5, 0]]     one column less
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from trl.trainer.dpo_trainer import DataCollatorForPreference

from distilray.train.scoring.references import CHOSEN, REJECTED


class PairCollator:
    """Adds to TRL's batch of ``B`` pairs ``beta``, shape ``(B,)``, and, where rows have them, the reference's
    log-probabilities as ``reference``, shape ``(2 B, length - 1)``, 0 outside completions."""

    def __init__(self, pad: int, beta: float, row_beta: bool) -> None:
        self.pairs = DataCollatorForPreference(pad_token_id=pad)
        self.beta, self.row_beta = beta, row_beta

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        batch = self.pairs([{name: row[name] for name in ("prompt_ids", "chosen_ids", "rejected_ids")} for row in rows])
        own = [row.get("beta") if self.row_beta else None for row in rows]
        batch["beta"] = torch.tensor([self.beta if beta is None else beta for beta in own], dtype=torch.float32)
        if rows[0].get(CHOSEN) is not None:
            reference = torch.zeros(batch["input_ids"].shape[0], batch["input_ids"].shape[1] - 1)
            for k, column in enumerate((CHOSEN, REJECTED)):
                for row, into in zip(rows, reference[k * len(rows) : (k + 1) * len(rows)], strict=True):
                    start = len(row["prompt_ids"]) - 1
                    into[start : start + len(row[column])] = torch.tensor(row[column])
            batch["reference"] = reference
        return batch
