"""Runs from Python on a real Ray cluster; the examples of docs/python.md; the script in jobs/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import distilray as dr
from tests.support.own_steps import Shout
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_a_recipe_built_in_python_runs_with_a_step_of_its_own(ray_cluster: None, tmp_path: Path) -> None:
    rows = [{"instruction": f"what is {k}"} for k in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(str, rows)).replace("'", '"'))
    recipe = dr.Recipe(
        name="loud",
        models={"teacher": dr.EchoModel(tokens=4)},
        sources=[dr.Source(name="rows", path=str(tmp_path / "rows.jsonl"), language="en")],
        steps=[
            dr.steps.Answer(model="teacher"),
            ("loud", Shout(marks=2)),
            dr.Repeat(rounds=2, steps=[dr.steps.Check(language=False, min_characters=10)]),
        ],
        resources=dr.Resources(runners=1, runner_cpus=0.1, unit_rows=16),
    )
    told: list[str] = []
    run = dr.run(recipe, directory=str(tmp_path / "run"), limit=30, listen=lambda event: told.append(event.kind))
    assert {"started", "done"} <= set(told)
    assert run.outcomes["loud"].kept == 30
    assert set(run.table("loud", ["answer"])["answer"].to_pylist()) == {f"WHAT IS {k}!!" for k in range(30)}
    # "what is 7" has nine characters: ten rows are rejected, and rejected again in the second round
    assert (run.outcomes["check"].rows_in, run.outcomes["check"].rejected) == (40, 20)
    assert run.student is None and run.evaluations == []
    assert dr.load_recipe(tmp_path / "run" / "recipe.yaml") == recipe

    again = dr.run(recipe, directory=tmp_path / "run", limit=30)
    assert again.outcomes == run.outcomes


def test_a_mapping_runs_with_overrides(ray_cluster: None, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"instruction": "say something"}\n')
    sections = {
        "models": {"teacher": {"kind": "echo"}},
        "sources": [{"name": "rows", "path": str(tmp_path / "rows.jsonl")}],
        "steps": [{"answer": {"model": "teacher"}}],
        "resources": {"runners": 1, "runner_cpus": 0.1},
    }
    run = dr.run(sections, directory=str(tmp_path / "run"), overrides=["models.teacher.tokens=5"])
    assert run.table("answer", ["answer_tokens"])["answer_tokens"].to_pylist() == [5]


def test_the_examples_of_the_page_run_one_after_another(
    ray_cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    examples = EXAMPLE.findall((ROOT / "docs" / "python.md").read_text("utf-8"))
    assert len(examples) >= 6
    names: dict[str, object] = {}
    for number, example in enumerate(examples, 1):
        exec(compile(example, f"docs/python.md, example {number}", "exec"), names)


@pytest.mark.long
def test_the_notebook_script_trains_a_student_and_shows_what_it_did(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, str(ROOT / "jobs" / "python_api.py"), "--run", str(tmp_path / "run")]
    small = ["--rows", "48", "--steps", "3", "--questions", "8"]
    done = subprocess.run(
        [*command, *small], capture_output=True, text=True, timeout=900, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    run = dr.open_run(str(tmp_path / "run"))
    assert run.outcomes["answer"].rows_in == 48
    assert {result.model for result in run.evaluations} == {"student_before", "student_after"}
    assert run.student is not None and (Path(run.student) / "config.json").exists()
    assert f"student {run.student}" in done.stdout
