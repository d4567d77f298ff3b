"""Requests of the harness as files: what is asked, in units, and the answers beside each unit once it is done.

harness/score-9f3c....parquet           {"type": "score", "tokens": [17, 4, 99, 5], "start": 2}, ...
harness/score-9f3c....answers.parquet   {"log_prob": -1.72, "greedy": false}, ...

A unit is named by all that determines its answers, so that the same requests find them again, in any later session.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from distilray.ledger import fingerprint
from distilray.storage import Store, read_parquet, write_parquet

FOLDER = "harness"
UNIT = 128
"""Requests that are asked, kept and taken up again together."""
REQUEST, ANSWER, MADE_OF = "request", "answer", "distilray.harness"


class Score(msgspec.Struct, frozen=True, tag="score"):
    """How likely are the ``tokens`` from ``start`` (at least 1) on, after those before?"""

    tokens: list[int]
    start: int


class Generate(msgspec.Struct, frozen=True, tag="generate"):
    """Go on after ``tokens``."""

    tokens: list[int]
    sampling: dict[str, Any]
    """Fields of :class:`distilray.models.Sampling`."""
    seed: int


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a :class:`Score` its log-likelihood (nats) and whether each token is the likeliest; of a :class:`Generate` its
    text and why that ended."""

    log_prob: float = 0.0
    greedy: bool = False
    text: str = ""
    finish: str = ""
    tokens: int = 0


Request = Score | Generate


def units_of(store: Store, weights: str, requests: Sequence[Request]) -> Iterator[tuple[str, str]]:
    """Path and key of each unit of ``requests`` to the model of ``weights``; a file that is not there is written."""
    for begin in range(0, len(requests), UNIT):
        texts = [msgspec.json.encode(request).decode() for request in requests[begin : begin + UNIT]]
        key = fingerprint([weights, texts])
        kind = "score" if isinstance(requests[begin], Score) else "generate"
        path = f"{FOLDER}/{kind}-{key}.parquet"
        if not store.exists(path):
            write_parquet(store, path, pa.table({REQUEST: texts}), MADE_OF, key)
        yield path, key


def read_requests(store: Store, path: str) -> list[Request]:
    texts = read_parquet(store, path)[REQUEST].to_pylist()
    return [msgspec.json.decode(text, type=Request) for text in texts]


def answers_path(path: str) -> str:
    return f"{path.removesuffix('.parquet')}.answers.parquet"


def write_answers(store: Store, path: str, answers: Sequence[Answer], key: str) -> None:
    texts = [msgspec.json.encode(answer).decode() for answer in answers]
    write_parquet(store, answers_path(path), pa.table({ANSWER: texts}), MADE_OF, key)


def read_answers(store: Store, path: str) -> list[Answer]:
    """The answers to the unit at ``path``, in the order of its requests."""
    texts = read_parquet(store, answers_path(path))[ANSWER].to_pylist()
    return [msgspec.json.decode(text, type=Answer) for text in texts]
