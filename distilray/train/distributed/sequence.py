"""Sequence parallelism: N workers share every row, each holds an Nth of its tokens (and so of its activations).

Everything but attention processes tokens one by one, and works on a worker's slice unchanged. For attention the workers
of a group trade heads for tokens, in one all-to-all before and one after: each then sees whole rows, with an Nth of the
heads (DeepSpeed-Ulysses, Jacobs et al. 2023). Exact attention by PyTorch's own kernels, over NCCL or gloo, under any
`sharding`. A step's loss is the sum over all tokens divided by their number, so its gradient is that of one worker.

The libraries' own implementations do not fit: PyTorch's ring attention (accelerate's ``cp_size``) has no kernel for
CPUs; DeepSpeed's (``sp_size``) requires ZeRO, and averages over micro batches regardless of their number of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.nn.functional import all_to_all_single
from torch.nn.functional import pad, scaled_dot_product_attention

from distilray.train.settings import IGNORED

ATTENTION = "distilray_sequence_parallel"
"""transformers' name for it; for an unknown implementation it makes no mask."""


@dataclass(frozen=True)
class SequenceGroup:
    """The workers that share rows with this one."""

    process_group: Any
    size: int
    place: int
    """This worker's rank in the group: which slice of a row it holds."""


def sequence_group(size: int) -> SequenceGroup:
    """This worker's group: ``size`` workers with consecutive ranks. All workers have to call it."""
    group, _ = dist.new_subgroups(size)
    return SequenceGroup(group, size, dist.get_rank() % size)


def split_attention(model: Any, group: SequenceGroup) -> None:
    """Makes the layers of ``model`` attend over the slices of all workers of ``group``."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def attend(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: Any,
        scaling: float | None = None,
        dropout: float = 0.0,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        """Shapes ``(rows, heads, tokens / N, head)``; the result's is ``(rows, tokens / N, heads, head)``."""
        if key.shape[1] % group.size:  # fewer heads of keys than workers: each gets its own copy
            times = query.shape[1] // key.shape[1]
            key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
        whole = [_heads_for_tokens(tensor, group) for tensor in (query, key, value)]
        attended = scaled_dot_product_attention(
            *whole, is_causal=True, dropout_p=dropout, scale=scaling, enable_gqa=whole[0].shape[1] != whole[1].shape[1]
        )
        return _tokens_for_heads(attended, group).transpose(1, 2).contiguous(), None

    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend)
    model.config._attn_implementation = ATTENTION


def _heads_for_tokens(tensor: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
    """``(rows, heads, tokens / N, head)`` to ``(rows, heads / N, tokens, head)``."""
    rows, heads, tokens, head = tensor.shape
    parts = tensor.reshape(rows, group.size, heads // group.size, tokens, head).transpose(0, 1)
    traded = _traded(parts, group)  # (N, rows, heads / N, tokens / N, head), the first: whose tokens
    return traded.permute(1, 2, 0, 3, 4).reshape(rows, heads // group.size, group.size * tokens, head)


def _tokens_for_heads(tensor: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
    """``(rows, heads / N, tokens, head)`` to ``(rows, heads, tokens / N, head)``."""
    rows, heads, tokens, head = tensor.shape
    parts = tensor.reshape(rows, heads, group.size, tokens // group.size, head).permute(2, 0, 1, 3, 4)
    traded = _traded(parts, group)  # (N, rows, heads / N, tokens / N, head), the first: whose heads
    return traded.transpose(0, 1).reshape(rows, group.size * heads, tokens // group.size, head)


def _traded(parts: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
    """Part ``k`` goes to worker ``k``, what worker ``k`` sends becomes part ``k``; also for gradients."""
    parts = parts.contiguous()
    return all_to_all_single(torch.empty_like(parts), parts, group=group.process_group)


class SliceCollator:
    """Gives this worker its slice of a batch that ``collate`` makes: ``input_ids``, ``position_ids``, ``labels`` and
    ``shift_labels`` (what the next token is), shape ``(rows, tokens / N)``.

    Rows are padded on the right to a multiple of N; nothing attends to the padding, and it is not trained on.
    """

    def __init__(self, collate: Any, group: SequenceGroup, pad_token_id: int) -> None:
        self.collate, self.group, self.pad_token_id = collate, group, pad_token_id

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = self.collate(rows)
        ids, labels = batch["input_ids"], batch["labels"]
        more = -ids.shape[1] % self.group.size
        ids, labels = pad(ids, (0, more), value=self.pad_token_id), pad(labels, (0, more), value=IGNORED)
        after = pad(labels[:, 1:], (0, 1), value=IGNORED)
        places = torch.arange(ids.shape[1]).expand_as(ids)
        width = ids.shape[1] // self.group.size
        mine = slice(self.group.place * width, (self.group.place + 1) * width)
        whole = {"input_ids": ids, "position_ids": places, "labels": labels, "shift_labels": after}
        return {name: tensor[:, mine].contiguous() for name, tensor in whole.items()}
