"""The harness's requests as files: the same requests find their answers again, others do not."""

from __future__ import annotations

from distilray.evaluate.harness.requests import (
    UNIT,
    Answer,
    Generate,
    Score,
    answers_path,
    read_answers,
    read_requests,
    units_of,
    write_answers,
)
from distilray.storage import Store


def test_units_are_named_by_what_determines_their_answers(local_store: Store):
    asked = [Score([1, 2, k], 1) for k in range(UNIT + 5)]
    first, second = units_of(local_store, "w", asked)
    assert [len(read_requests(local_store, path)) for path, _ in (first, second)] == [UNIT, 5]
    assert read_requests(local_store, first[0])[:2] == asked[:2]
    assert list(units_of(local_store, "w", asked)) == [first, second]
    others = list(units_of(local_store, "other", asked)) + list(units_of(local_store, "w", asked[::-1]))
    assert not {first, second} & set(others)
    [generated] = units_of(local_store, "w", [Generate([1, 2], {"max_tokens": 4}, seed=7)])
    assert generated[0].startswith("harness/generate-")
    assert read_requests(local_store, generated[0]) == [Generate([1, 2], {"max_tokens": 4}, seed=7)]


def test_answers_lie_beside_their_unit(local_store: Store):
    [(path, key)] = units_of(local_store, "w", [Score([1, 2], 1), Score([1, 3], 1)])
    assert not local_store.exists(answers_path(path))
    answers = [Answer(log_prob=-1.25, greedy=True), Answer(log_prob=-30.5)]
    write_answers(local_store, path, answers, key)
    assert read_answers(local_store, path) == answers
