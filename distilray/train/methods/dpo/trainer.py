"""TRL's DPO trainer with our own reference, a beta for each row, and measures that cost one collective per log line.

TRL's losses of pairs are used as they are. Its constructor is not: it maps and filters the rows again, and loads
a whole reference into every worker. Nor are its dozen collectives in every micro batch: each worker measures its own
pairs, and the means are shared when a line is written. Nor is its ``sft`` term, the mean over a micro batch's chosen
tokens: here it is the mean over those of the whole optimizer step, so that neither micro batches nor the number of
workers change it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from transformers import Trainer
from trl import DPOTrainer

from distilray.train.methods.shared.referenced import ReferencedMixin, Watched

SFT = "sft"


class PreferenceTrainer(ReferencedMixin, DPOTrainer):
    skipped: ClassVar = DPOTrainer
    fields: ClassVar = ("log_probs", "entropy", "mean_logits", "is_top1")

    def as_trl_left_it(self, args: Any) -> None:
        super().as_trl_left_it(args)
        of_pairs = dict(zip(args.loss_type, args.loss_weights, strict=True))
        self.sft = of_pairs.pop(SFT, 0.0)
        self.held_out: Any = 0.0
        """The sum of held-out chosen tokens' losses, and their number: a tensor of shape ``(2,)`` once there is one."""
        self.loss_types, self.loss_weights = list(of_pairs), list(of_pairs.values())
        self.label_smoothing, self.ld_alpha = args.label_smoothing, args.ld_alpha
        self.f_divergence_type, self.f_alpha_divergence_coef = "reverse_kl", 0.5
        self.use_weighting = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        inputs = dict(inputs)
        beta, reference = inputs.pop("beta"), inputs.pop("reference", None)
        if reference is None:
            assert self.reference is not None, (
                "a batch has no reference log-probabilities, and the trainer has no reference"
            )
            reference = self.reference(self, inputs)
        counted = reference if self.ld_alpha is None else reference * tail_weights(inputs, self.ld_alpha)
        inputs["ref_chosen_logps"], inputs["ref_rejected_logps"] = counted.sum(1).chunk(2)
        watched, accelerator = Watched(model), self.accelerator
        self.beta, self.accelerator = beta, _Alone(accelerator)
        try:
            loss = self._compute_loss(watched, inputs, return_outputs)
        finally:
            self.beta, self.accelerator = self.args.beta, accelerator
        if self.sft:
            loss = loss + self.sft * self._chosen_loss(watched.out, inputs["completion_mask"], num_items_in_batch)
        mode = "train" if self.model.training else "eval"
        for name, value in self.measures(watched.log_probs, reference, inputs["completion_mask"], beta).items():
            self._metrics[mode][name].append(value)
        chosen, rejected = (watched.log_probs - reference).sum(1).chunk(2)
        self.note_rows(beta * (rejected - chosen), loss)
        return loss

    def _chosen_loss(self, out: Any, completions: torch.Tensor, tokens: torch.Tensor | None) -> torch.Tensor:
        """This micro batch's part of the mean over the step's chosen ``tokens``; the mean over held-out ones follows
        when all have been seen."""
        log_probs, _ = out.log_probs.float().chunk(2)
        if tokens is None:
            sums = torch.stack([-log_probs.detach().sum().double(), chosen_tokens(completions).double()])
            self.held_out = self.held_out + sums
            return torch.zeros((), device=log_probs.device)
        # The trainer averages micro batches, and gradients over all workers.
        scale = self.current_gradient_accumulation_steps * self.accelerator.num_processes
        return -log_probs.sum() * scale / tokens.clamp(min=1)

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> Any:
        """Chosen tokens of the whole optimizer step, over all workers, where a loss needs them."""
        if not self.sft:
            return None
        here = sum((chosen_tokens(batch["completion_mask"]) for batch in batch_samples), torch.tensor(0))
        return self.accelerator.reduce(here.to(device), "sum")

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        output = super().evaluation_loop(*args, **kwargs)
        if self.sft:
            losses, tokens = self.accelerator.reduce(self.held_out, "sum")
            output.metrics[f"{kwargs.get('metric_key_prefix', 'eval')}_loss"] += self.sft * (losses / tokens).item()
            self.held_out = 0.0
        return output

    def measures(
        self, log_probs: torch.Tensor, reference: torch.Tensor, completions: torch.Tensor, beta: torch.Tensor
    ) -> dict[str, float]:
        """Of a batch of pairs: lengths in tokens, beta, and ``kl``, how far the student has moved from the reference.

        ``kl`` is the k2 estimate (Schulman 2020), the mean over the completions' tokens of half the squared log-ratio,
        in nats per token. The tokens are the rows', not sampled from the student, so it compares steps of a training
        and is not the true divergence. ``log_probs``, ``reference``: shape ``(2 B, length - 1)``, 0 outside
        completions.
        """
        counted = completions[:, 1:]
        squares = 0.5 * (log_probs.detach() - reference).square() * counted
        return lengths(completions) | {"beta": beta.mean().item(), "kl": (squares.sum() / counted.sum()).item()}

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        mode = "train" if self.model.training else "eval"
        metrics, self._metrics[mode] = self._metrics[mode], defaultdict(list)
        if metrics:  # all workers have the same names
            names = sorted(metrics)
            own = torch.tensor([sum(metrics[name]) / len(metrics[name]) for name in names], device=self.args.device)
            if dist.is_initialized():
                dist.all_reduce(own)
            means = (own / self.accelerator.num_processes).tolist()
            prefix = "" if mode == "train" else "eval_"
            logs = {**logs, **{f"{prefix}{name}": mean for name, mean in zip(names, means, strict=True)}}
        Trainer.log(self, logs, start_time)


def tail_weights(inputs: dict[str, torch.Tensor], alpha: float) -> torch.Tensor:
    """``alpha`` for a pair's tokens beyond the length of its shorter answer and 1 for others, ``(2 B, length - 1)``;
    TRL weighs the student's log-probabilities in the same way."""
    completions = inputs["completion_mask"][:, 1:]
    shared = torch.minimum(*completions.sum(1).chunk(2)).repeat(2)
    return torch.where(completions.cumsum(1) > shared[:, None], alpha, 1.0)


def chosen_tokens(completions: torch.Tensor) -> torch.Tensor:
    """The number of tokens of the chosen answers in a batch of pairs; ``completions``, shape ``(2 B, length)``."""
    return completions[:, 1:].chunk(2)[0].sum()


def lengths(completions: torch.Tensor) -> dict[str, float]:
    """Mean tokens of the answers in a batch of pairs."""
    chosen, rejected = completions.sum(1).float().chunk(2)
    return {"length/chosen": chosen.mean().item(), "length/rejected": rejected.mean().item()}


class _Alone:
    """An accelerator that gathers from no other worker."""

    def __init__(self, accelerator: Any) -> None:
        self._accelerator = accelerator

    def gather(self, tensor: Any) -> Any:
        return tensor

    gather_for_metrics = gather

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accelerator, name)
