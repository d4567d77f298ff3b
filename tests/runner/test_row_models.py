"""Seeds, keys of the reply log, and labels, as one row in one step asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilray.ledger import ReplyLog
from distilray.models import (
    BadReply,
    ClassifierModel,
    ClassifyRequest,
    EchoModel,
    LabelReply,
    ModelError,
    Reply,
    ScoreReply,
    ScoreRequest,
)
from distilray.models.scores import pack
from distilray.prompts import JUDGE, PLAIN
from distilray.rows import Row
from distilray.runner import ModelAccess, RowUsage
from distilray.storage import Store

ROW = Row(
    {
        "id": "gsm8k/train.jsonl:1",
        "language": "en",
        "messages": [{"role": "user", "content": "2+3?"}],
        "reasoning": None,
        "answer": "5",
    }
)
MODELS = {"m": EchoModel(), "tasks": ClassifierModel(path="owner/tasks")}


class Client:
    def __init__(self, answer: Callable[[Any], list[Any]]) -> None:
        self.answer, self.requests = answer, []

    async def ask(self, model: str, request: Any) -> list[Any]:
        self.requests.append(request)
        return self.answer(request)


def log(folder: Path) -> ReplyLog:
    return ReplyLog(Store(str(folder)), "phase", "unit")


def maths(request: Any) -> list[Any]:
    return [LabelReply("maths", {"maths": -0.1, "code": -2.5}, 9, cost=0.5)]


def test_seeds_and_keys_stay_as_they_are_so_that_old_runs_replay(tmp_path: Path) -> None:
    client = Client(lambda request: [Reply("what?", "stop", 5, 2)] * request.n)
    replies = log(tmp_path)
    models = ModelAccess(client, MODELS, seed=7).models_for(ROW, "judge", replies, RowUsage())
    asyncio.run(models["m"].replies(PLAIN, ROW, n=2))
    assert client.requests[0].seed == 363460706
    assert len(replies.get("cf68256a323aff484ed6f08b1ec2b3c3")) == 2


def test_a_classifier_is_sent_the_parts_of_the_row_and_its_label_is_bought_once(tmp_path: Path) -> None:
    client, usage = Client(maths), RowUsage()
    first = log(tmp_path)
    label = asyncio.run(ModelAccess(client, MODELS, 7).models_for(ROW, "s", first, usage)["tasks"].classify(ROW))
    assert client.requests == [ClassifyRequest({"conversation": "2+3?", "answer": "5"}, ROW.id)]
    assert (label.label, label.replayed) == ("maths", False)
    first.close()
    again = asyncio.run(
        ModelAccess(client, MODELS, 7).models_for(ROW, "s", log(tmp_path), usage)["tasks"].classify(ROW)
    )
    assert again == LabelReply("maths", {"maths": -0.1, "code": -2.5}, 9, 0.5, replayed=True)
    assert len(client.requests) == 1
    assert usage.by_model["tasks"] == [2, 2, 1, 18, 0, 1.0]


def test_what_a_classifier_was_asked_and_gave_is_shown_like_any_other_request(tmp_path: Path) -> None:
    seen: list[Any] = []
    access = ModelAccess(Client(maths), MODELS, 7, watch=lambda *what: seen.append(what))
    asyncio.run(access.models_for(ROW, "s", log(tmp_path), RowUsage())["tasks"].classify(ROW))
    [(model, messages, [reply])] = seen
    assert (model, messages[0], reply.text) == ("tasks", {"role": "conversation", "content": "2+3?"}, "maths")


def test_a_classifier_is_not_asked_for_text(tmp_path: Path) -> None:
    models = ModelAccess(Client(maths), MODELS, 7).models_for(ROW, "s", log(tmp_path), RowUsage())
    with pytest.raises(ModelError, match="tasks is of kind classifier and generates no text"):
        asyncio.run(models["tasks"].replies(PLAIN, ROW))


def test_a_mean_log_probability_is_bought_once(tmp_path: Path) -> None:
    own = np.array([-0.5, -1.5, -1.0], np.float32)
    scored = ScoreReply(pack(np.zeros((3, 0), np.int32), np.zeros((3, 0), np.float32), own), 5, 0.25)
    client, usage, first = Client(lambda request: [scored]), RowUsage(), log(tmp_path)
    model = ModelAccess(client, MODELS, 7).models_for(ROW, "s", first, usage)["m"]
    assert asyncio.run(model.mean_log_prob([5, 6, 7, 8, 9], 2)) == pytest.approx(-1)
    assert client.requests == [ScoreRequest([5, 6, 7, 8, 9], (2, 3, 4), ROW.id)]
    first.close()
    again = ModelAccess(client, MODELS, 7).models_for(ROW, "s", log(tmp_path), usage)["m"]
    assert asyncio.run(again.mean_log_prob([5, 6, 7, 8, 9], 2)) == pytest.approx(-1)
    assert len(client.requests) == 1
    assert usage.by_model["m"] == [2, 2, 1, 10, 0, 0.5]


def test_replies_that_cannot_be_read_are_counted_where_they_are_paid_for(tmp_path: Path) -> None:
    said = [Reply("nothing", "stop", 5, 2), Reply('{"check": "so fa', "length", 5, 9), Reply("nothing", "stop", 5, 2)]
    access = ModelAccess(Client(lambda request: [said.pop(0)]), MODELS, 7)
    first = log(tmp_path)
    with pytest.raises(BadReply, match="judge: "):
        asyncio.run(access.models_for(ROW, "judge", first, RowUsage())["m"].ask(JUDGE, ROW, answer="5"))
    assert access.unreadable == {"m": 3} and not said
    first.close()
    again = ModelAccess(Client(lambda request: []), MODELS, 7)
    with pytest.raises(BadReply):
        asyncio.run(again.models_for(ROW, "judge", log(tmp_path), RowUsage())["m"].ask(JUDGE, ROW, answer="5"))
    assert not again.unreadable["m"]
