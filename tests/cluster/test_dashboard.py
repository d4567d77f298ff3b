"""The Grafana dashboard: each query is of metrics and labels that the code exports, and each metric is shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.runner import METRICS
from tests.support.paths import ROOT

DASHBOARD = json.loads((ROOT / "cluster" / "components" / "monitoring" / "dashboard.json").read_text("utf-8"))
PREFIX = "ray_"
"""Ray puts it before every metric of ``ray.util.metrics``."""


def queries() -> Iterator[tuple[str, str]]:
    """Title of the panel and expression."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def metrics_in(expression: str) -> set[str]:
    return {name.removeprefix(PREFIX) for name in re.findall(rf"\b{PREFIX}\w+", expression)}


def labels_in(expression: str) -> set[str]:
    grouped = [name.strip() for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in names.split(",")]
    return {*grouped, *re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expression)}


def plain(expression: str) -> str:
    """The expression with values in place of Grafana's variables."""
    return expression.replace("$__rate_interval", "5m").replace("$run", ".*")


def test_every_query_is_of_metrics_that_are_exported_and_of_their_tags() -> None:
    for title, expression in queries():
        named = metrics_in(expression)
        assert named and named <= METRICS.keys(), f"{title}: {sorted(named - METRICS.keys())}"
        for name in named:
            assert labels_in(expression) <= {"run", "stage", *METRICS[name].tags}, f"{title}: {expression}"


def test_every_metric_is_shown() -> None:
    shown = set().union(*(metrics_in(expression) for _, expression in queries()))
    assert shown == METRICS.keys()


def test_a_counter_is_shown_by_its_speed_and_a_gauge_as_it_is() -> None:
    for title, expression in queries():
        of_speed = {name for part in re.findall(r"(?:rate|increase)\((\w+)", expression) for name in metrics_in(part)}
        totals = {name for name in metrics_in(expression) if name.endswith("_total")}
        assert of_speed == totals or expression.startswith("sum by (model) (ray_distilray_cost_total"), title


def test_what_is_looked_for_is_found_in_a_query() -> None:
    query = 'sum by (stage, step) (rate(ray_distilray_rows_total{run=~"$run", outcome="failed"}[$__rate_interval]))'
    assert metrics_in(query) == {"distilray_rows_total"}
    assert labels_in(query) == {"stage", "step", "run", "outcome"}


def test_it_has_the_shape_that_grafana_imports() -> None:
    assert DASHBOARD["uid"] and DASHBOARD["title"] and DASHBOARD["schemaVersion"] >= 36
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    cells = set()
    for panel in panels:
        assert panel["type"] == "timeseries" and panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, f"{panel['title']} lies on another panel"
        cells |= own
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= variables
            assert target["expr"].count("(") == target["expr"].count(")")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_reads_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{k}", "expr": plain(expression)} for k, (_, expression) in enumerate(queries())]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_lists_the_metrics_with_their_labels() -> None:
    page = (ROOT / "cluster" / "README.md").read_text("utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `distilray_")]
    listed = {
        name: tuple(re.findall(r"`(\w+)`", tags)) for names, tags in rows for name in re.findall(r"`(\w+)`", names)
    }
    assert listed == {name: metric.tags for name, metric in METRICS.items()}
