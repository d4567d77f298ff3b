"""Right-padded rows go through the causal kernels, without a mask, and come out as they do with one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers.integrations import sdpa_attention

from distilray.train.methods.shared.padding import unmasked
from tests.support.trainer import model_at


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What PyTorch's attention is called with."""
    seen: list[dict[str, Any]] = []
    real = torch.nn.functional.scaled_dot_product_attention

    def watched(*args: Any, **kwargs: Any) -> torch.Tensor:
        seen.append(kwargs)
        return real(*args, **kwargs)

    monkeypatch.setattr(sdpa_attention.torch.nn.functional, "scaled_dot_product_attention", watched)
    return seen


def test_padding_is_not_seen_without_a_mask_either(student: str, calls: list[dict[str, Any]]) -> None:
    ids = torch.arange(4, 64).reshape(2, 30)
    mask = torch.ones_like(ids)
    mask[1, 17:] = 0
    ids[1, 17:] = 0
    model = model_at(student)
    with torch.no_grad():
        masked = model(input_ids=ids, attention_mask=mask).logits
        assert all(call["attn_mask"] is not None for call in calls)
        calls.clear()
        plain = model(**unmasked({"input_ids": ids, "attention_mask": mask})).logits
    assert calls and all(call["attn_mask"] is None and call["is_causal"] for call in calls)
    torch.testing.assert_close(plain[mask.bool()], masked[mask.bool()], atol=1e-5, rtol=1e-5)
