"""Checkpoints that any number of workers can load: PyTorch's distributed checkpoints, keyed by parameters' names.

transformers writes one form of checkpoint under FSDP and another for a single worker, and neither trainer reads the
other's. Here both write ``checkpoint-8/state/``: every worker its own part of weights and AdamW's moments. A loading
worker reads the parts that it needs (``torch.distributed.checkpoint`` reshards as it reads). With adapters only the
trained weights are kept. DDP's and DeepSpeed's checkpoints stay as transformers writes them: DDP's are the same for any
number of workers, DeepSpeed's only load with the same number.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

STATE, SCHEDULER = "state", "scheduler.pt"


class Resharding:
    """Mixed into a trainer, before it; ``reshards`` says whether its checkpoints are of this kind."""

    reshards = False

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        if not (self.reshards and _internal_call):
            super().save_model(output_dir, _internal_call)
            return
        assert output_dir is not None
        os.makedirs(output_dir, exist_ok=True)  # the weights go with the optimizer

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self.reshards:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        dcp.save(self._state(), checkpoint_id=os.path.join(output_dir, STATE))
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), os.path.join(output_dir, SCHEDULER))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not _is_state(resume_from_checkpoint):  # else loaded with the optimizer
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None or not _is_state(checkpoint):
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        state = self._state()
        dcp.load(state, checkpoint_id=os.path.join(checkpoint, STATE))
        set_state_dict(
            self.model,
            self._inner_optimizer(),
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
            options=StateDictOptions(ignore_frozen_params=True, strict=False),
        )
        self.lr_scheduler.load_state_dict(torch.load(os.path.join(checkpoint, SCHEDULER), weights_only=True))

    def _state(self) -> dict[str, Any]:
        """This worker's part of the model's trained weights and the optimizer."""
        options = StateDictOptions(ignore_frozen_params=True)
        weights, optimizer = get_state_dict(self.model, self._inner_optimizer(), options=options)
        return {"model": weights, "optimizer": optimizer}

    def _inner_optimizer(self) -> torch.optim.Optimizer:
        """Not accelerate's wrapper around it."""
        return getattr(self.optimizer, "optimizer", self.optimizer)


def _is_state(checkpoint: str) -> bool:
    return os.path.isdir(os.path.join(checkpoint, STATE))
