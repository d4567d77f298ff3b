"""Storage that fails, engines that are gone, and rows that kill their runner: whole runs around the echo engine."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

import distilray as dr
from benchmarks.faulty_store import FaultyStore
from distilray.errors import MachineryFault
from distilray.ledger import Manifest, reconcile
from distilray.report.run_status import status
from distilray.rows import Outcome, Row, kept
from distilray.runner import RunStopped, sizing
from distilray.steps import Models, Step
from distilray.storage import Store

pytestmark = pytest.mark.slow
KILLER = 77


class KillsItsRunner(Step):
    """What a crash in a library does, on one row."""

    async def process(self, row: Row, models: Models) -> Outcome:
        if row["reference"] == str(KILLER):
            os._exit(11)
        return kept()


def records(rows: int) -> Iterator[dict[str, str]]:
    for k in range(rows):
        yield {"instruction": f"Say {k}.", "reference": str(k)}


def recipe(
    rows: int, *steps: Step, unit_rows: int = 32, teacher: dr.EchoModel | None = None, runners: int = 1
) -> dr.Recipe:
    return dr.Recipe(
        name="machinery",
        models={"teacher": teacher or dr.EchoModel(tokens=8)},
        sources=[
            dr.Source(name="rows", uses="tests.driver.test_machinery:records", with_={"rows": rows}, language="en")
        ],
        steps=[dr.steps.Answer(model="teacher"), *steps],
        resources=dr.Resources(unit_rows=unit_rows, runners=runners, runner_cpus=0.1),
    )


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultyStore]:
    with FaultyStore(s3_endpoint, delay_s=0.01, refused=0.03, cut=0.01) as proxy:
        yield proxy


def behind(proxy: FaultyStore) -> str:
    # The session's cluster may have started without the server's keys in its environment.
    return f"s3://key:secret@runs/{uuid.uuid4().hex}?scheme=http&endpoint_override={proxy.address}&region=us-east-1"


def test_storage_that_refuses_and_cuts_fails_no_row(ray_cluster: None, proxy: FaultyStore) -> None:
    teacher = dr.EchoModel(tokens=8, latency_s=0.2, latency_sigma=0.8, concurrency=64)
    run = dr.run(recipe(640, teacher=teacher), directory=behind(proxy))
    answered = run.outcomes["answer"]
    assert (answered.rows_in, answered.kept, answered.failed) == (640, 640, 0)
    assert reconcile(run.store, deep=True).ok
    assert proxy.requests["refused"] > 5 and proxy.requests["cut"] > 1, proxy.requests


def test_engines_keep_their_places_busy_and_the_status_says_so(ray_cluster: None, tmp_path: Path) -> None:
    teacher = dr.EchoModel(tokens=8, latency_s=1.0, latency_sigma=0.8, concurrency=32)
    run = dr.run(recipe(640, teacher=teacher), directory=tmp_path / "run")
    [model] = status(run.store)["models"]
    assert model["replies"] == 640
    # 20 s of full places and a tail of one slow reply after another.
    assert model["busy_share"] > 0.5, model


class Throttles(BaseHTTPRequestHandler):
    """An endpoint that is there and serves nobody."""

    def do_GET(self) -> None:
        self._answer(200, b'{"object": "list", "data": []}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(429, b'{"error": {"message": "no quota is left"}}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def throttled() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Throttles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


def test_a_model_that_serves_nobody_stops_the_run_and_fails_no_row(
    ray_cluster: None, tmp_path: Path, throttled: str
) -> None:
    teacher = dr.OpenAIModel(base_url=throttled, model="busy", gone_after_s=1)
    broken = recipe(40).model_copy(update={"models": {"teacher": teacher}})
    with pytest.raises(MachineryFault, match="served no request for 1 s, last: no quota is left") as told:
        dr.run(broken, directory=tmp_path / "run")
    assert "run the same command again" in str(told.value) and told.value.exit_code == 1
    assert [step["name"] for step in status(Store(tmp_path / "run"))["steps"] if step["failed"]] == []


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("unit_rows", [1, 32], ids=["two hundred units open", "seven units"])
def test_a_row_that_kills_its_runner_fails_alone(ray_cluster: None, tmp_path: Path, unit_rows: int) -> None:
    began = time.monotonic()
    run = dr.run(recipe(200, KillsItsRunner(), unit_rows=unit_rows), directory=tmp_path / "run")
    # It is refused where it enters the phase: nobody can tell which of its steps it is.
    counts = run.outcomes["answer"]
    assert (counts.rows_in, counts.kept, counts.failed) == (200, 199, 1), counts
    assert run.outcomes["KillsItsRunner"].kept == 199
    [failed] = run.table("answer", outcome="failed").to_pylist()
    assert failed["reference"] == str(KILLER) and "killed its runner" in failed["reason"]
    assert reconcile(run.store, deep=True).ok
    assert time.monotonic() - began < 1400


def kill_the_monitor(store: Store, units: int, killed: list[int]) -> None:
    """As soon as ``units`` units are published: the youngest, since runs that failed may have left theirs."""
    phase = "steps/01-answer"
    while len([name for name in store.names(phase) if name.endswith(".parquet")]) < units:
        time.sleep(0.05)
    below = {process.pid for process in psutil.Process().children(recursive=True)}
    found = [p for p in psutil.process_iter(["cmdline"]) if "ray::Monitor" in " ".join(p.info["cmdline"] or ())]
    monitors = [process for process in found if process.pid in below]
    monitor = max(monitors, key=psutil.Process.create_time)
    monitor.kill()
    killed.append(monitor.pid)


@pytest.mark.parametrize("budget", [None, 3_000])
def test_a_monitor_that_dies_is_started_again_and_watches_over_the_budget(
    ray_cluster: None, tmp_path: Path, budget: int | None
) -> None:
    teacher = dr.EchoModel(tokens=8, latency_s=0.5, concurrency=32)
    work = recipe(640, teacher=teacher).changed(budget=dr.Budget(tokens=budget))
    store = Store(tmp_path / "run")
    killed: list[int] = []
    killer = threading.Thread(target=kill_the_monitor, args=(store, 2, killed))
    killer.start()
    if budget is None:
        run = dr.run(work, directory=tmp_path / "run")
        assert run.outcomes["answer"].kept == 640
        [model] = status(store)["models"]
        assert (model["replies"], model["replayed"]) == (640, 0)  # nobody was asked twice
    else:
        with pytest.raises(RunStopped, match=r"budget\.tokens"):
            dr.run(work, directory=tmp_path / "run")
    killer.join()
    assert killed and not psutil.pid_exists(killed[0])
    assert reconcile(store, deep=True).ok


def test_a_ticket_opens_several_units_where_there_are_many(
    ray_cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TICKETS", 3)
    run = dr.run(recipe(640, unit_rows=16, runners=2), directory=tmp_path / "run")
    assert run.outcomes["answer"].kept == 640
    manifest = Manifest.read(run.store, "steps/01-answer")
    assert manifest is not None and manifest.units == 40
    assert reconcile(run.store, deep=True).ok
