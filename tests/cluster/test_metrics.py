"""What a run exports, read where Prometheus reads it: at the metrics agent of a node."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from distilray.ledger import Manifest
from tests.support.cluster_driver import Driver
from tests.support.nodes import Nodes, environment, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]

RECIPE = """
name: metrics
models:
  teacher: {kind: echo, tokens: 8, latency_s: 0.2, concurrency: 8, price: {input: 1.0, output: 2.0}}
sources:
  - {name: problems, uses: "distilray.practice:problems", with: {rows: 400, seed: 5}}
steps:
  - answer: {model: teacher}
  - check: {reference: numeric}
resources: {unit_rows: 40, runners: 2, runner_cpus: 0.1}
"""
TRAINING = """
import time, ray
from distilray.runner import RefreshedGauges
ray.init(address="auto", log_to_driver=False)
with RefreshedGauges("RUN", "training/sft") as gauges:
    gauges.show(distilray_training_mfu=0.31, distilray_training_tokens_per_second=21034.0, distilray_training_loss=None)
    time.sleep(35)
"""


def samples(nodes: Nodes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Those of ours at all nodes: name and tags of ours, without ``ray_``, to value."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    listing = nodes.folder / "prom_metrics_service_discovery.json"
    if not listing.exists():
        return found
    for target in [address for group in json.loads(listing.read_text()) for address in group["targets"]]:
        text = urlopen(f"http://{target}/metrics", timeout=10).read().decode()
        for name, labels, value in re.findall(r"^ray_(distilray_\w+)\{(.*)\} (\S+)$", text, re.M):
            tags = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            mine = {key: tags[key] for key in ("run", "stage", "step", "outcome", "model") if key in tags}
            key = (name, frozenset(mine.items()))
            found[key] = found.get(key, 0.0) + float(value)
    return found


def test_rows_replies_tokens_cost_and_places_of_a_run_are_exported(nodes: Nodes, tmp_path: Path) -> None:
    driver = Driver(nodes, tmp_path, RECIPE)
    stage = "01-answer+check"
    run = str(tmp_path / "run")

    def value(name: str, **tags: str) -> float:
        return samples(nodes).get((name, frozenset({"run": run, "stage": stage, **tags}.items())), 0.0)

    wait_for(lambda: value("distilray_engines", model="teacher") == 1 or not driver.runs(), "the engine's gauge", 120)
    driver.finish()
    manifest = Manifest.read(driver.store, f"steps/{stage}")
    assert manifest is not None
    for step in manifest.steps:
        for outcome in ("kept", "rejected", "failed"):
            rows = getattr(step, outcome)
            wait_for(
                lambda rows=rows, step=step, outcome=outcome: (
                    value("distilray_rows_total", step=step.name, outcome=outcome) == rows
                ),
                f"{rows} rows {outcome} in {step.name}",
                30,
            )
    usage = manifest.models["teacher"]
    # What the runners said last is up to a second older than what they did last.
    assert 0.5 * usage["replies"] < value("distilray_replies_total", model="teacher") <= usage["replies"]
    assert 0.5 * usage["cost"] < value("distilray_cost_total", model="teacher") <= usage["cost"] * 1.001
    busy = value("distilray_busy_place_seconds_total", model="teacher")
    assert 0 < busy <= value("distilray_place_seconds_total", model="teacher")


def test_a_gauge_stays_while_nothing_new_is_said_of_it(nodes: Nodes) -> None:
    driver = subprocess.Popen([sys.executable, "-c", TRAINING], env=environment(RAY_ADDRESS=nodes.address))
    mfu = ("distilray_training_mfu", frozenset({("run", "RUN"), ("stage", "training/sft")}))
    try:
        wait_for(lambda: mfu in samples(nodes), "the gauge", 60)
        deadline = time.monotonic() + 25  # Ray sends gauges on every 10 s, and its agent forgets them after 20
        while time.monotonic() < deadline and driver.poll() is None:
            assert samples(nodes)[mfu] == 0.31
            time.sleep(1)
        assert not [
            name for name, tags in samples(nodes) if name == "distilray_training_loss" and ("run", "RUN") in tags
        ]
    finally:
        driver.kill()
        driver.wait()
