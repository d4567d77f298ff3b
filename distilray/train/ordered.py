"""What every trainer here adds to transformers': rows come in our order, which is known before they do."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

from torch.utils.data import Sampler


class InOrder(Sampler[int], Sized):
    """Yields the row indices that it was given."""

    def __init__(self, order: Any) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)


class Ordered:
    """Mixed into a trainer, before it. ``order``: indices of the rows of all steps; micro batch ``k`` of a step goes to
    worker ``k mod workers``."""

    def __init__(self, *args: Any, order: Any, **kwargs: Any) -> None:
        self.order = order
        super().__init__(*args, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return InOrder(self.order)
