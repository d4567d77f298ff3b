"""What a job says before it begins: an interpreter without the packages, and what `jobs/submit.sh` does not submit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.paths import ROOT

DISTRIBUTIONS = {"yaml": "pyyaml", "distilray": "distilray"}
"""Names of packages that are imported under another."""


def test_a_job_whose_python_lacks_the_packages_says_so_in_one_line() -> None:
    bare = [sys.executable, "-I", "-S", "jobs/run.py", "recipe.yaml"]  # without site-packages
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith(sys.executable) and "lacks distilray, " in line and "ray" in line and "torch" in line
    assert "before `ray start`" in line and ".venv/bin/python jobs/run.py" in line


def test_what_a_job_needs_is_what_the_project_installs() -> None:
    text = (ROOT / "jobs" / "run.py").read_text()
    found = re.search(r"^NEEDED = \((.*?)^\)", text, re.M | re.S)
    assert found
    needed = re.findall(r'"(\w+)"', found[1])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = {re.split(r"[\[=<>]", each)[0].replace("-", "_") for each in [*project["dependencies"], "distilray"]}
    assert len(needed) > 10 and {DISTRIBUTIONS.get(name, name) for name in needed} <= installed


@pytest.mark.parametrize(
    ("words", "address", "said"),
    [
        (["recipe.yaml"], "http://head:8265", "usage: jobs/submit.sh RECIPE RUN"),
        (["recipe.yaml", "s3://bucket/runs/first"], "", "RAY_API_SERVER_ADDRESS is not set"),
        (["absent.yaml", "s3://bucket/runs/first"], "http://head:8265", "absent.yaml is no file"),
        (["recipe.yaml", "s3://key:word@bucket/first"], "http://head:8265", "holds keys, which the dashboard would"),
        (["recipe.yaml", 's3://bucket/"first"'], "http://head:8265", "holds no quotes"),
    ],
)
def test_submit_refuses_before_anything_is_sent(words: list[str], address: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("name: first\n")
    variables = os.environ | {"RAY_API_SERVER_ADDRESS": address}
    script = [str(ROOT / "jobs" / "submit.sh"), *words]
    done = subprocess.run(script, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and "word@" not in done.stderr


def test_the_runtime_environment_sends_the_folder_and_installs_nothing() -> None:
    environment = yaml.safe_load((ROOT / "jobs" / "runtime_env.yaml").read_text())
    assert environment["working_dir"] == "." and not {"pip", "uv", "conda"} & set(environment)
