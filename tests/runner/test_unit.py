"""Rows on their way through a phase: nobody vanishes, nothing is bought twice, one bad row costs itself alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from distilray.ledger import CrashMarks, ReplyLog
from distilray.models import EchoModel, GenerateRequest, ModelError, NoEngineAlive, Reply
from distilray.prompts import Prompt
from distilray.rows import Outcome, Row, kept, rejected
from distilray.runner import ModelAccess, NamedStep
from distilray.runner.admission import Admission
from distilray.runner.crowd import Crowd, OpenUnit
from distilray.runner.unit import Passage
from distilray.steps import Models, Step
from distilray.storage import StorageFault, Store
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
        await asyncio.sleep(0.01)
        return kept()


def rows(n: int) -> list[Row]:
    return [Row({"id": f"r{k}", "messages": [{"role": "user", "content": str(k)}]}) for k in range(n)]


def passage(folder: Path, answer: Answerer, *steps: Step, session: str = "s") -> tuple[Passage, PlantedClient]:
    store = Store(str(folder))
    client = PlantedClient(answer)
    desk = ModelAccess(client, {"m": EchoModel(kind="echo")}, seed=0)
    named = [NamedStep(type(step).__name__, step) for step in steps]
    log = ReplyLog(store, "phase", "unit")
    return Passage(
        named, desk, log, CrashMarks(store, "phase", "unit", session), OpenUnit(Crowd(Admission(16, 1 << 20, 1)))
    ), client


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
    assert CrashMarks(Store(str(tmp_path)), "phase", "unit", "s").crashes(0, 6) == (0, 0)  # nobody died


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


def test_a_row_that_kills_its_runner_is_found_by_halving_and_fails_alone(tmp_path: Path):
    store, session = Store(str(tmp_path)), "s"

    def crash(low: int, high: int, *, alone: bool = True) -> None:
        CrashMarks(store, "phase", "unit", session).begin(low, high, alone)

    crash(0, 4, alone=False), crash(0, 4, alone=False)
    crash(0, 4), crash(2, 4), crash(3, 4), crash(3, 4)  # what runners leave behind that die over row 3
    way, _ = passage(tmp_path, lambda request: "1", AskNumber())
    out = {values["id"]: values for values in asyncio.run(way.run(rows(4)))}
    assert out["r3"]["outcome"] == "failed" and "killed its runner" in out["r3"]["reason"]
    assert [out[f"r{k}"]["outcome"] for k in range(3)] == ["kept"] * 3
    assert way.counts[0].reconciled
    assert way.unit.crowd.ended == 4


def test_a_row_that_was_only_near_when_runners_died_is_not_failed(tmp_path: Path):
    for _ in range(7):
        CrashMarks(Store(str(tmp_path)), "phase", "unit", "s").begin(0, 1)
    way, _ = passage(tmp_path, lambda request: "1", AskNumber())
    assert asyncio.run(way.run(rows(1)))[0]["outcome"] == "kept"


def test_a_suspect_runs_with_nothing_beside_it(tmp_path: Path):
    for _ in range(2):
        CrashMarks(Store(str(tmp_path / "a")), "phase", "unit", "s").begin(0, 3)
    inside: list[str] = []
    seen: list[set[str]] = []

    class Look(Step):
        async def process(self, row: Row, models: Models) -> Outcome:
            inside.append(row.id[0])
            seen.append(set(inside))
            await asyncio.sleep(0.01)
            inside.remove(row.id[0])
            return kept()

    async def both() -> None:
        suspect, _ = passage(tmp_path / "a", lambda request: "1", Look())
        other, _ = passage(tmp_path / "b", lambda request: "1", Look())
        other.unit = OpenUnit(suspect.unit.crowd)
        others = [Row({**row.values, "id": f"o{k}"}) for k, row in enumerate(rows(3))]
        await asyncio.gather(other.run(others), suspect.run(rows(3)))

    asyncio.run(both())
    assert len(seen) == 6 and all(len(kinds) == 1 for kinds in seen)


def test_crashes_of_an_earlier_driver_s_runners_do_not_count(tmp_path: Path):
    for _ in range(5):
        CrashMarks(Store(str(tmp_path)), "phase", "unit", "earlier").begin(0, 1)
    way, _ = passage(tmp_path, lambda request: "1", AskNumber())
    assert asyncio.run(way.run(rows(1)))[0]["outcome"] == "kept"
