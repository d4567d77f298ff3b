"""docs/extending.md: its examples, taken from the page, are a package outside distilray and its lines one recipe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import distilray as dr
from distilray.evaluate import BENCHMARKS
from distilray.models import MODEL_KINDS
from distilray.recipe import parse
from distilray.report.run_status import status
from distilray.steps import STEPS
from distilray.storage import Store
from distilray.train import METHODS, read_metrics
from distilray.verifiers import VERIFIERS, verify_now
from tests.project.test_readme import ENVIRONMENT, blocks
from tests.support.checkpoints import make_student
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
MODULES = [block for block in blocks("python", PAGE) if block.startswith("# my_package/")]
[PYTHON] = [block for block in blocks("python", PAGE) if block not in MODULES]
FRAGMENTS = [yaml.safe_load(block) for block in blocks("yaml", PAGE)]
EXAMPLES = ("step", "verifier", "benchmark", "training method", "engine")


def package(folder: Path) -> Path:
    """The page's modules, below ``folder``."""
    for module in MODULES:
        path = folder / module.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(module, encoding="utf-8")
    return folder


def recipe_of(*fragments: dict[str, Any]) -> dict[str, Any]:
    """One recipe of several fragments: lists follow one another, mappings are joined."""
    whole: dict[str, Any] = {
        "models": {"student": {"path": "package://distilray.practice/checkpoints/student_warm"}},
        "sources": [{"name": "dates", "path": "dates.jsonl", "language": "en"}],
    }
    for fragment in fragments:
        for section, lines in fragment.items():
            if isinstance(lines, dict):
                whole[section] = {**whole.get(section, {}), **lines}
            else:
                whole[section] = [*whole.get(section, []), *lines]
    return whole


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package is found from here, as an installed one is."""
    monkeypatch.syspath_prepend(str(package(tmp_path)))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def test_there_is_one_short_file_and_one_fragment_for_each_of_the_five():
    assert re.findall(r"^## An? (.+)$", PAGE, re.M) == list(EXAMPLES)
    assert len(MODULES) == len(FRAGMENTS) == len(EXAMPLES)
    assert all(10 <= len(module.splitlines()) <= 40 for module in MODULES)


def test_the_registries_that_the_page_names_are_where_it_says():
    rows = re.findall(r"^\| .+ \| `NAME.py` in `(\S+)` \| `(\w+)` in `(\S+)` \| `(\S+)` \|$", PAGE, re.M)
    assert len(rows) == len(EXAMPLES)
    assert [name for _, name, _, _ in rows] == ["STEPS", "VERIFIERS", "BENCHMARKS", "METHODS", "MODEL_KINDS"]
    assert all([STEPS, VERIFIERS, BENCHMARKS, METHODS, MODEL_KINDS])
    for folder, name, registry, tests in rows:
        assert re.search(rf"^{name}\b.* = {{$", (ROOT / registry).read_text(encoding="utf-8"), re.M), registry
        assert (ROOT / folder).is_dir() and (ROOT / tests).is_dir()


@pytest.mark.parametrize("k", range(len(EXAMPLES)), ids=EXAMPLES)
def test_each_example_is_read_and_written_back_without_loss(importable: None, k: int):
    teacher = {} if "models" in FRAGMENTS[k] else {"models": {"teacher": {"kind": "echo"}}}
    answer = {"steps": [] if "answer" in str(FRAGMENTS[k]) else [{"answer": {"model": "teacher"}}]}
    recipe = dr.Recipe(**recipe_of(teacher, answer, FRAGMENTS[k]))
    text = recipe.to_yaml()
    [place] = set(re.findall(r"my_package\.\w+:\w+", str(FRAGMENTS[k])))
    assert place in text
    again = parse(text, "again.yaml")
    assert again == recipe
    assert again.to_yaml() == text


def test_all_of_them_from_python_are_the_same_recipe(importable: None):
    built: dict[str, Any] = {}
    exec(PYTHON, built)
    assert built["recipe"] == dr.Recipe(**recipe_of(*FRAGMENTS))
    assert parse(built["recipe"].to_yaml(), "again.yaml") == built["recipe"]


def test_settings_of_a_method_of_ones_own_need_its_place(importable: None):
    from my_package.focal import FocalSettings  # type: ignore[import-not-found]

    sections = {**recipe_of(*FRAGMENTS), "train": [FocalSettings(student="student", epochs=1)]}
    with pytest.raises(dr.RecipeError, match=r"train\[0\]: no training method for FocalSettings: .*uses"):
        dr.Recipe(**sections)


@pytest.mark.parametrize(
    ("answer", "right", "reason"),
    [
        ("That is March 6, 2024.", True, "2024-03-06 as expected"),
        ("Not 2024-03-05 but 06.03.2024", True, "2024-03-06 as expected"),
        ("On 6 March 2023", False, "2023-03-06 is not 2024-03-06"),
        ("On 30 February 2024", None, "no date in the answer"),
    ],
)
def test_the_verifier_reads_dates_in_several_forms(importable: None, answer: str, right: bool | None, reason: str):
    verdict = verify_now("my_package.same_date:same_date", answer, "2024-03-06")
    assert (verdict.right, verdict.reason) == (right, reason)


# One run of all five. Of 41 questions the service answers 10 with the right date, 5 with a wrong one and 5 without any;
# 20 times it apologises, and one question it refuses.

COLOURS = [
    ("Name the colours of traffic lights.", "red; yellow; green", "Red, yellow and green."),
    ("Name the primary colours.", "red; blue", "Certainly red."),
    ("Name the colours of zebras.", "black; white", "Zebras are striped."),
    ("Name the colours of Google.", "blue; red; yellow; green", "Blue, red, and also green."),
]


def answer(question: str) -> str | None:
    for asked, _, text in COLOURS:
        if asked in question:
            return text
    k = int(re.findall(r"event (\d+)", question)[-1])
    if k == 40:
        return None
    date = f"That is {k % 28 + (k % 4 == 3) + 1} March 2024."
    return ["Sorry, I cannot.", "I apologise, but no.", date, date if k % 8 == 3 else "That depends."][k % 4]


class Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = answer(body["text"])
        payload = b"not for sale" if text is None else json.dumps({"text": text}).encode()
        self.send_response(403 if text is None else 200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # all questions may come at once


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dr.Run:
    """A run of the page's recipe, started in the folder where the package lies."""
    folder = package(tmp_path_factory.mktemp("extending"))
    server = Server(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recipe = recipe_of(*FRAGMENTS)
    recipe["models"]["teacher"]["url"] = f"http://127.0.0.1:{server.server_port}/answer"
    recipe["models"]["student"]["path"] = make_student(folder / "student")
    [focal] = recipe["train"]
    focal |= {"batch_size": 4, "max_length": 256, "learning_rate": 3e-3, "precision": "fp32", "log_every": 1,
              "resources": {"cpus_per_worker": 0.5}}  # fmt: skip
    plain = {name: value for name, value in focal.items() if name not in ("uses", "gamma")}
    recipe["train"].append({"kind": "sft", **plain})
    recipe["resources"] = {"runners": 1, "runner_cpus": 0.1}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    dates = [{"instruction": f"On which day is event {k}?", "reference": f"2024-03-{k % 28 + 1:02}"} for k in range(41)]
    colours = [{"instruction": question, "reference": terms} for question, terms, _ in COLOURS]
    for name, rows in (("dates", dates), ("colours", colours)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [str(Path(sys.executable).parent / "distilray"), "run", "recipe.yaml", "--run", "runs/mine"]
    try:
        done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=800)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return dr.open_run(str(folder / "runs" / "mine"))


@pytest.mark.slow
def test_an_engine_of_ones_own_answers_and_its_refusals_fail_their_rows(finished: dr.Run):
    counts = finished.outcomes["answer"]
    assert (counts.rows_in, counts.kept, counts.failed) == (41, 40, 1)
    [refused] = finished.table("answer", ["reason"], outcome="failed").to_pylist()
    assert "403 Forbidden" in refused["reason"]
    assert counts.tokens_out >= 80


@pytest.mark.slow
def test_a_step_of_ones_own_runs_from_the_folder_where_it_lies(finished: dr.Run):
    found = {step["name"]: step for step in status(finished.store)["steps"]}
    mine = next(step for name, step in found.items() if "apolog" in name.lower())
    assert (mine["kept"], mine["rejected"], mine["reasons"]) == (20, 20, {"rejected: apology": 20})


@pytest.mark.slow
def test_a_verifier_of_ones_own_decides_in_a_step(finished: dr.Run):
    assert (finished.outcomes["check"].kept, finished.outcomes["check"].reasons) == (10, {"rejected: wrong answer": 10})
    verdicts = finished.table("check", ["verdict"], outcome=None)["verdict"].to_pylist()
    assert sum(verdict.endswith("as expected") for verdict in verdicts) == 10
    assert sum(" is not 2024-03-" in verdict for verdict in verdicts) == 5
    assert verdicts.count("no date in the answer") == 5


@pytest.mark.slow
def test_a_benchmark_of_ones_own_scores_as_it_says(finished: dr.Run):
    [result] = finished.evaluations
    assert (result.model, result.benchmark, result.metric, result.questions) == ("teacher", "colours", "coverage", 4)
    assert result.value == pytest.approx((1 + 1 / 2 + 0 + 3 / 4) / 4)
    assert result.mean_output_tokens == pytest.approx((4 + 2 + 3 + 5) / 4)


@pytest.mark.slow
def test_a_training_method_of_ones_own_minimises_its_own_loss(finished: dr.Run):
    """Both trainings see the same rows in the same order from the same weights, which give tokens about 1/400."""
    focal, plain = (
        [record["loss"] for record in read_metrics(Store(finished.directory), f"training/{name}") if "loss" in record]
        for name in ("focal", "sft")
    )
    assert len(focal) == len(plain) >= 4
    assert 0.98 < focal[0] / plain[0] < 0.9995
    assert focal[-1] < 0.98 * focal[0]
    kinds = {training["name"]: training["kind"] for training in status(finished.store)["training"]}
    assert kinds == {"focal": "focal", "sft": "sft"}
