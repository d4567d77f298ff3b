"""Builds the page from the ledger and a sample of the rows, with one template."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, compare_in_run, read_results
from distilray.ledger import list_stages, list_trainings
from distilray.report.markdown_table import results_markdown
from distilray.report.page import figures
from distilray.report.page.agreement import agreement
from distilray.report.page.changes import ROOM_IN_REPORT, shown_comparisons
from distilray.report.page.curves import curve
from distilray.report.page.environment import asset, page_environment, policy_hashes
from distilray.report.page.flow import STEPS_FOLDER, flow, label
from distilray.report.page.histograms import histograms
from distilray.report.page.measures import measures
from distilray.report.page.results import benchmarks, results_picture
from distilray.report.page.samples import sample_rows
from distilray.report.page.selections import selections
from distilray.report.page.sets import changes, held
from distilray.report.page.survey import decisions_by_rows, survey
from distilray.report.page.task_labels import task_labels
from distilray.report.page.truth import truths
from distilray.report.run_status import status
from distilray.storage import Store, put, resolve
from distilray.train import read_metrics

REPORT = "report.html"
SCRIPTS = ("first.js", "page.js")
READS_AT_ONCE = 8


def write_report(store: Store, out: str | os.PathLike[str] | None = None) -> str:
    """Writes the page about the run in ``store`` to ``out`` (a path or URI), or into the run as ``report.html``.

    Returns its place. The run may still be in progress; the page then shows how far it is.
    """
    html = render(store).encode()
    if out is None:
        store.write(REPORT, html)
        return store.full(REPORT)
    filesystem, path = resolve(out)
    put(filesystem, path, html)
    return os.fspath(out)


def render(store: Store) -> str:
    """The page as text."""
    environment = page_environment()
    scripts = {name: asset(environment, name) for name in SCRIPTS}
    return environment.get_template("page.html.jinja").render(
        **contents(store),
        scripts=scripts,
        script_hashes=policy_hashes(*scripts.values()),
        style=asset(environment, "page.css"),
    )


def contents(store: Store) -> dict[str, Any]:
    """The values that the template shows."""
    found = status(store)
    everywhere = list_stages(store)
    stages = [stage for stage in everywhere if stage.folder.startswith(STEPS_FOLDER)]
    decided = decisions_by_rows(stages)
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        surveys = [survey(store, stage, decided, pool) for stage in stages if stage.units]
        rows = sample_rows(store, surveys, found["steps"], pool)
        told = truths(store, stages, pool)
    record = store.read_json("run.json") if store.exists("run.json") else {}
    recipe = store.read("recipe.yaml").decode() if store.exists("recipe.yaml") else ""
    settings = yaml.safe_load(recipe) or {}
    trainings = list_trainings(store)
    comparisons = compare_in_run(store, STUDENT_BEFORE, STUDENT_AFTER)
    by_benchmark = benchmarks(found["evaluations"], comparisons)
    return {
        "run": found,
        "record": {"id": None, "origin": None, "versions": {}, **record},
        "summary": figures.summary(found, by_benchmark),
        "flow": flow(found["steps"]),
        "truths": told,
        "labels": [label(step) for step in found["steps"]],
        "histograms": histograms(surveys),
        "agreement": agreement(surveys),
        "selections": selections(stages),
        "changes": changes(stages),
        "held": held(stages),
        "task_labels": task_labels(surveys),
        "trainings": [
            {**training, "curve": curve(records), "measures": measures(records)}
            for training, (folder, _) in zip(found["training"], trainings, strict=True)
            for records in [read_metrics(store, folder)]
        ],
        "benchmarks": by_benchmark,
        "picture": results_picture(by_benchmark),
        "markdown": results_markdown(read_results(store)),
        "comparisons": shown_comparisons(comparisons, ROOM_IN_REPORT),
        "rows": rows,
        "recipe": recipe,
        "models": settings.get("models") or {},
        "seed": settings.get("seed"),
        "description": settings.get("description"),
        "manifests": [(stage.folder, stage.manifest) for stage in everywhere if stage.manifest] + trainings,
    }
