"""Rows on their way through a phase: nobody vanishes, nothing is bought twice, one bad row costs itself alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from distilray.ledger import ReplyLog
from distilray.models import EchoModel, GenerateRequest, ModelError, NoEngineAlive, Reply
from distilray.prompts import Prompt
from distilray.rows import Outcome, Row, kept, rejected
from distilray.runner import ModelAccess, NamedStep
from distilray.runner.admission import Admission
from distilray.runner.crowd import Crowd, OpenUnit
from distilray.runner.unit import Passage
from distilray.steps import Models, Step
from distilray.storage import StorageFault, Store
from tests.support.marks import nobody_died
from tests.support.planted import Answerer, PlantedClient


def parse_number(reply: str) -> int:
    return int(reply)


NUMBER = Prompt("number", parse_number, templates={"en": "Say a number.\n---\n{{ row.instruction }}"})


class AskNumber(Step):
    model: str = "m"

    async def process(self, row: Row, models: Models) -> Outcome:
        number = await models[self.model].ask(NUMBER, row)
        return kept(number=number) if number >= 0 else rejected("negative")


class Split(Step):
    async def process(self, row: Row, models: Models) -> Outcome:
        return kept(children=[row.having(id=f"{row.id}>split.{k}", parent=row.id) for k in range(2)])


class Explode(Step):
    async def process(self, row: Row, models: Models) -> Outcome:
        if row.id == "r1":
            raise ZeroDivisionError("a bug")
        return kept()


class AskAgain(AskNumber):
    """Under a name of its own, so that its replies are its own."""


class Breathe(Step):
    """Lets other things of the loop happen."""

    async def process(self, row: Row, models: Models) -> Outcome:
        await asyncio.sleep(0.3)
        return kept()


def rows(n: int) -> list[Row]:
    return [Row({"id": f"r{k}", "messages": [{"role": "user", "content": str(k)}]}) for k in range(n)]


def passage(folder: Path, answer: Answerer, *steps: Step) -> tuple[Passage, PlantedClient]:
    store = Store(str(folder))
    client = PlantedClient(answer)
    desk = ModelAccess(client, {"m": EchoModel(kind="echo")}, seed=0)
    named = [NamedStep(type(step).__name__, step) for step in steps]
    log = ReplyLog(store, "phase", "unit")
    unit = OpenUnit(Crowd(Admission(16, 1 << 20, 1)))
    return Passage(named, desk, log, nobody_died("unit"), unit), client


def test_every_row_comes_out_once_and_the_counts_reconcile(tmp_path: Path):
    way, _ = passage(tmp_path, lambda request: request.messages[-1]["content"], AskNumber(), Split())
    out = asyncio.run(way.run(rows(10)))
    assert len(out) == 30 and len({values["id"] for values in out}) == 30
    assert all(counts.reconciled for counts in way.counts)
    assert (way.counts[1].rows_in, way.counts[1].created, way.counts[1].kept) == (10, 20, 30)
    assert way.unit.crowd.ended == 10  # children are not foretold, nor counted


def test_a_rejected_row_does_not_reach_the_next_step(tmp_path: Path):
    way, _ = passage(tmp_path, lambda request: "-1", AskNumber(), Split())
    out = asyncio.run(way.run(rows(4)))
    assert {values["outcome"] for values in out} == {"rejected"}
    assert way.counts[0].reasons == {"rejected: negative": 4} and way.counts[1].rows_in == 0


def test_a_step_s_bug_fails_its_row_alone(tmp_path: Path):
    way, _ = passage(tmp_path, lambda request: "1", Explode())
    out = {values["id"]: values for values in asyncio.run(way.run(rows(3)))}
    assert out["r1"]["outcome"] == "failed" and "ZeroDivisionError: a bug" in out["r1"]["reason"]
    assert [out[key]["outcome"] for key in ("r0", "r2")] == ["kept", "kept"]


def test_a_reply_that_does_not_parse_is_asked_again_with_another_seed(tmp_path: Path):
    replies = iter(["what?", "7"])
    way, client = passage(tmp_path, lambda request: next(replies), AskNumber())
    [out] = asyncio.run(way.run(rows(1)))
    assert out["outcome"] == "kept" and out["number"] == 7
    assert client.requests[0].seed != client.requests[1].seed
    assert client.requests[0].sampling.temperature == 0 and client.requests[1].sampling.temperature > 0


class AskSeveral(Step):
    async def process(self, row: Row, models: Models) -> Outcome:
        return kept(said=[reply.text for reply in await models["m"].replies(NUMBER, row, n=3)])


def test_several_replies_of_a_greedy_model_are_sampled(tmp_path: Path):
    """vLLM refuses several greedy replies to one prompt, and they would all be the same."""
    way, client = passage(tmp_path, lambda request: "7", AskSeveral(), AskNumber())
    [out] = asyncio.run(way.run(rows(1)))
    assert out["said"] == ["7"] * 3
    several, one = client.requests
    assert (several.n, several.sampling.temperature) == (3, 1.0)
    assert (one.n, one.sampling.temperature) == (1, 0)


def test_a_reply_that_never_parses_fails_the_row_with_its_text(tmp_path: Path):
    way, client = passage(tmp_path, lambda request: "what?", AskNumber())
    [out] = asyncio.run(way.run(rows(1)))
    assert out["outcome"] == "failed" and "what?" in out["reason"]
    assert len(client.requests) == 3


def test_a_reply_cut_by_length_is_never_taken(tmp_path: Path):
    way, _ = passage(tmp_path, lambda request: Reply("12", "length", 5, 2), AskNumber())
    [out] = asyncio.run(way.run(rows(1)))
    assert out["outcome"] == "failed" and "cut by length" in out["reason"]


def test_what_a_model_cannot_do_fails_the_row_with_its_words(tmp_path: Path):
    way, _ = passage(tmp_path, lambda request: ModelError("no luck today"), AskNumber())
    [out] = asyncio.run(way.run(rows(1)))
    assert out["outcome"] == "failed" and "no luck today" in out["reason"]


@pytest.mark.parametrize("fault", [NoEngineAlive("all engines are gone"), StorageFault("the disk is full")])
def test_a_fault_of_the_machinery_fails_no_row_but_the_unit(tmp_path: Path, fault: Exception):
    def answer(request: GenerateRequest) -> str | Exception:
        return fault if request.messages[-1]["content"] == "3" else "1"

    way, _ = passage(tmp_path, answer, AskNumber())
    with pytest.raises(type(fault)):
        asyncio.run(way.run(rows(6)))
    assert way.counts[0].failed == 0
    assert way.unit.crowd.admission.taken == 0


def test_replies_that_cannot_be_logged_are_no_fault_of_their_rows(tmp_path: Path):
    way, _ = passage(tmp_path, lambda request: "1", AskNumber(), Breathe(), AskAgain())
    (tmp_path / "replies").write_text("a file where the log's folder should be")
    with pytest.raises(StorageFault, match="reply log"):
        asyncio.run(way.run(rows(6)))
    assert way.counts[0].failed == 0


def test_a_second_attempt_replays_what_the_first_was_answered(tmp_path: Path):
    first, client = passage(tmp_path, lambda request: request.messages[-1]["content"], AskNumber())
    before = asyncio.run(first.run(rows(6)))
    first.replies.close()
    again, silent = passage(tmp_path, lambda request: ModelError("asked twice"), AskNumber())
    after = asyncio.run(again.run(rows(6)))
    assert len(client.requests) == 6 and silent.requests == []
    assert [values["number"] for values in after] == [values["number"] for values in before]
    assert again.by_model["m"][2] == 6  # replayed


def test_seeds_depend_on_the_row_and_not_on_its_neighbours(tmp_path: Path):
    whole, one = passage(tmp_path / "a", lambda r: "1", AskNumber())
    asyncio.run(whole.run(rows(5)))
    alone, two = passage(tmp_path / "b", lambda r: "1", AskNumber())
    asyncio.run(alone.run(rows(5)[3:4]))
    assert two.requests[0].seed == next(r.seed for r in one.requests if r.affinity == "r3")
    assert len({request.seed for request in one.requests}) == 5
