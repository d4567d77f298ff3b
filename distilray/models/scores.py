"""The log-probabilities of given tokens: a model's likeliest tokens at each position, packed into three NumPy arrays.

    ScoreRequest(tokens=[...], positions=(5, 6), affinity="r1", top_k=2)
    -> ids [[17, 4], [9, 17]]  log_probs [[-.1, -2.6], [-.5, -1.2]]  rest [.02, .09]

The entry of position ``i`` is the distribution of token ``i``, given all before it. Scores are packed in the engine's
actor, so that no Python object per token travels: 6 bytes per token and rank, 4 for the mass of all other tokens.
"""

from __future__ import annotations

import msgspec
import numpy as np

REST_FLOOR = 1e-6
"""Least probability of all other tokens together: float32 log-probabilities leave no smaller rest with certainty."""


class Scores(msgspec.Struct, frozen=True, array_like=True):
    """``n`` positions, ``top_k`` tokens at each, little-endian."""

    top_k: int
    ids: bytes
    """int32"""
    log_probs: bytes
    """float16, in nats, descending"""
    rest: bytes
    """float32, a probability"""
    own: bytes = b""
    """float32, in nats: of the given token itself"""

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``ids`` and ``log_probs`` of shape ``(n, top_k)``, ``rest`` of shape ``(n,)``; read-only views."""
        rest = np.frombuffer(self.rest, "<f4")
        ids = np.frombuffer(self.ids, "<i4").reshape(len(rest), self.top_k)
        log_probs = np.frombuffer(self.log_probs, "<f2").reshape(len(rest), self.top_k)
        return ids, log_probs, rest

    def own_log_probs(self) -> np.ndarray:
        """Of the given tokens themselves, shape ``(n,)``; a read-only view."""
        return np.frombuffer(self.own, "<f4")


def pack(ids: np.ndarray, log_probs: np.ndarray, own: np.ndarray | None = None) -> Scores:
    """From arrays of shape ``(n, top_k)``, and ``(n,)`` for the given tokens themselves.

    Raises :class:`ValueError` where a log-probability is not a number.
    """
    exact = log_probs.astype(np.float64)
    looked_at = exact if own is None else np.column_stack([own.astype(np.float64), exact])
    if not np.isfinite(looked_at).all():
        where = int(np.argwhere(~np.isfinite(looked_at))[0][0])
        shown = looked_at[where][:4].tolist()
        raise ValueError(f"the log-probabilities of scored token {where} are not finite: {shown}")
    rest = np.maximum(1.0 - np.exp(exact).sum(-1), REST_FLOOR)
    return Scores(
        ids.shape[-1],
        ids.astype("<i4").tobytes(),
        exact.astype("<f2").tobytes(),
        rest.astype("<f4").tobytes(),
        b"" if own is None else own.astype("<f4").tobytes(),
    )
