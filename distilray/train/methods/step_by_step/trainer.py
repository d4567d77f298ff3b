"""The student's trainer with two losses: that of the labels and that of the rationales.

A loss is the mean over the tokens that its target has in the batch of the whole optimizer step, over all micro batches
and all workers. So neither packing, accumulation nor the number of workers changes it, and a target with many tokens
does not drown the other: ``loss = label_loss + rationale_weight * rationale_loss`` in every record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from distilray.train.methods.shared.padding import unmasked
from distilray.train.methods.shared.trainer import StudentTrainer
from distilray.train.methods.step_by_step.targets import LABEL, RATIONALE
from distilray.train.settings import IGNORED

TARGETS = "targets"


@dataclass
class TargetCollator(DataCollatorForLanguageModeling):
    """Splits rows into their sequences, so that none sees another. Adds ``targets``, of the shape of ``labels``, 0
    on padding: ``(2 * rows, longest)``, the sequences of a row one after the other; packed ``(1, all tokens)``."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        parts = [part for example in examples for part in sequences_of(example)]
        batch = super().torch_call(parts)
        targets = [torch.tensor(part[TARGETS]) for part in parts]
        if self.padding_free:
            targets = [torch.cat(targets)]
        batch[TARGETS] = pad_sequence(targets, batch_first=True)
        return batch


def sequences_of(example: dict[str, Any]) -> Iterator[dict[str, list[int]]]:
    """The label's and the rationale's sequence of each row in ``example``: one row, or several packed."""
    start = 0
    for size in example.get("seq_lengths") or [len(example["input_ids"])]:
        middle = start + example[TARGETS][start : start + size].index(RATIONALE)
        for low, high in ((start, middle), (middle, start + size)):
            yield {name: example[name][low:high] for name in ("input_ids", "labels", TARGETS)}
        start += size


def trained_tokens(batches: Sequence[dict[str, Any]]) -> torch.Tensor:
    """Tokens of the labels and of the rationales that are trained on in ``batches``, shape ``(2,)``."""
    counts = torch.zeros(2, dtype=torch.int64)
    for batch in batches:
        trained, targets = batch["labels"][:, 1:] != IGNORED, batch[TARGETS][:, 1:]
        here = torch.stack([(trained & (targets == target)).sum() for target in (LABEL, RATIONALE)])
        counts = counts.to(here.device) + here
    return counts


class StepByStepTrainer(StudentTrainer):
    def __init__(self, *args: Any, rationale_weight: float, **kwargs: Any) -> None:
        self.rationale_weight = rationale_weight
        self.seen: Any = 0.0
        """Both losses summed over the steps since the last record: a tensor of shape ``(2,)`` once there is one."""
        self.steps_seen: set[int] = set()
        self.held_out: Any = 0.0
        """Sums and counts over held-out tokens, ``(2, 2)``: a row of sums, then of counts, each label and rationale."""
        super().__init__(*args, **kwargs)
        self.loss_is_scaled_for_ga = True  # by the tokens of the whole step

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if TARGETS not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, TARGETS]

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> torch.Tensor:
        """Trained tokens of each target in the whole optimizer step, over all workers, shape ``(2,)``."""
        return self._over_all_workers(trained_tokens(batch_samples).to(device))

    def _over_all_workers(self, sums: torch.Tensor) -> torch.Tensor:
        total = self.accelerator.reduce(sums, "sum")
        assert isinstance(total, torch.Tensor)
        return total

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        batch, inputs = inputs, {name: value for name, value in inputs.items() if name != TARGETS}
        targets = batch[TARGETS][:, 1:]
        # Without a cache the attention mask keeps packed sequences apart by their positions.
        outputs = model(**{**unmasked(inputs), "use_cache": False}, fused_lm_head=True)
        losses = -outputs.log_probs
        sums = torch.stack([(losses * (targets == target)).sum() for target in (LABEL, RATIONALE)])
        if num_items_in_batch is None:  # held-out rows
            counts = trained_tokens([batch])
            self.held_out = self.held_out + torch.stack([sums.detach().double(), counts.double()])
            means = sums / counts.clamp(min=1)
            loss = means[0] + self.rationale_weight * means[1]
            return (loss, outputs) if return_outputs else loss
        means = sums / num_items_in_batch.clamp(min=1)  # this micro batch's part of the means of the whole step
        self.seen = self.seen + means.detach().double()
        self.steps_seen.add(self.state.global_step)
        loss = means[0] + self.rationale_weight * means[1]
        # The loss guard counts a row once: its two sequences are concatenated, unless everything is packed already.
        of_rows = (len(losses), -1) if "position_ids" in inputs else (len(losses) // 2, -1)
        self.note(losses.detach().reshape(of_rows), outputs.label_mask.reshape(of_rows))
        return loss * self.accelerator.num_processes  # whose gradients are averaged

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs and self.steps_seen:  # all workers log the same steps
            label, rationale = (self._over_all_workers(self.seen) / len(self.steps_seen)).tolist()
            logs = {**logs, "label_loss": label, "rationale_loss": rationale}
            self.seen, self.steps_seen = 0.0, set()
        if "eval_loss" in logs:
            sums, counts = self._over_all_workers(self.held_out)
            label, rationale = (sums / counts.clamp(min=1)).tolist()
            whole = label + self.rationale_weight * rationale
            logs = {**logs, "eval_loss": whole, "eval_label_loss": label, "eval_rationale_loss": rationale}
            self.held_out = 0.0
        super().log(logs, *args, **kwargs)
