"""What TRL's trainers against a reference are here: their losses, with our own reference and our order of rows."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from transformers import set_seed
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from distilray.train.data.training_data import TrainingData
from distilray.train.loop.fixed_order import FixedOrderMixin
from distilray.train.methods.shared.padding import unmasked

Reference = Callable[[Any, dict[str, torch.Tensor]], torch.Tensor]
"""From the trainer and a batch, of ``input_ids`` and ``completion_mask`` of shape ``(rows, length)``, to the
log-probability of each token of the completions: shape ``(rows, length - 1)``, else 0."""


class ReferencedMixin(FixedOrderMixin):
    """Mixed into a trainer of TRL, before it. ``reference``: asked in every step; None where batches have its
    log-probabilities already."""

    model: Any
    skipped: ClassVar[type]
    """TRL's trainer: its constructor, which maps the rows again and loads a whole reference, is not used."""
    fields: ClassVar[tuple[str, ...]]
    """Values of every completion token that TRL's loss and measures use."""

    def __init__(
        self,
        *,
        model: Any,
        args: Any,
        adapters: Any,
        reference: Reference | None,
        order: Any,
        feed: TrainingData,
        **kwargs: Any,
    ) -> None:
        self.take_order(order, feed)
        self.reference = reference
        set_seed(args.seed)  # adapters begin at random
        model.config.pad_token_id = kwargs["processing_class"].pad_token_id
        if adapters is not None:
            model = _with_adapters(model, adapters, args)
        disable_dropout_in_model(model)
        super(self.skipped, self).__init__(model=model, args=args, **kwargs)  # type: ignore[misc]
        self.as_trl_left_it(args)
        add_fused_lm_head(model if adapters is None else model.get_base_model(), outputs=self.fields)

    def as_trl_left_it(self, args: Any) -> None:
        """What TRL's own constructor sets and its loss reads."""
        self.ref_model, self.precompute_ref_logps = None, True  # batches bring the reference's log-probabilities
        self.beta, self.aux_loss_enabled = args.beta, False
        self.maybe_activation_offload_context = contextlib.nullcontext()
        self._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
        self._total_train_tokens, self._tp_size, self._is_vision_dataset = 0, 1, False


class Watched:
    """Calls a model and keeps what it returned."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.out: Any = None

    def __call__(self, **inputs: Any) -> Any:
        self.out = self.model(**unmasked(inputs))
        return self.out

    @property
    def log_probs(self) -> torch.Tensor:
        """The log-probabilities, without their gradient."""
        return self.out.log_probs.detach().float()


def _with_adapters(model: Any, adapters: Any, args: Any) -> Any:
    from peft import get_peft_model

    stage = getattr(args.deepspeed_plugin, "zero_stage", 0) if args.deepspeed_plugin is not None else 0
    model = get_peft_model(model, adapters, autocast_adapter_dtype=stage != 3)  # ZeRO-3 gathers one precision
    if args.gradient_checkpointing:
        model.enable_input_require_grads()
    return model
