"""`distilray run` ends with what was lost: how many rows, in which step, how to see them; and its exit code says so."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest

from distilray.ledger import reconcile
from distilray.storage import Store
from tests.support.command_line import distilray

pytestmark = pytest.mark.slow

RECIPE = """
name: lossy
models: {{teacher: {{kind: echo, tokens: 4}}}}
sources:
  - {{name: good, path: {folder}/good.json}}
  - {{name: cut, path: {folder}/cut}}
steps:
  - answer: {{model: teacher}}
  - check: {{language: false, reference: none}}
resources: {{unit_rows: 64, runners: 1, runner_cpus: 0.1}}
"""


def write(folder: Path) -> str:
    """The recipe's path: 200 records of which one is broken; a whole file, and one of which the end is missing."""
    array = json.dumps([{"instruction": f"Name {k}.", "score": float("nan")} for k in range(200)])
    (folder / "good.json").write_text("\ufeff" + array.replace('"Name 7."', '"Name "7"."'))
    lines = "".join(json.dumps({"instruction": f"Say {k}."}) + "\n" for k in range(500)).encode()
    (folder / "cut").mkdir()
    (folder / "cut/a.jsonl").write_bytes(lines)
    (folder / "cut/b.jsonl.gz").write_bytes(gzip.compress(lines)[:-200])
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
    return str(folder / "recipe.yaml")


def test_a_run_that_lost_rows_says_so_at_its_end_and_in_its_exit_code(ray_cluster: None, tmp_path: Path) -> None:
    recipe, directory = write(tmp_path), str(tmp_path / "run")
    ended = distilray("run", recipe, "--run", directory)
    assert ended.code == 1, ended.err
    store = Store(directory)
    assert reconcile(store, deep=True).ok
    *_, one, how, other, same = ended.out.splitlines()
    assert one == "failed    1 of 200 rows failed in sources, from good"
    assert re.fullmatch(
        r"failed    1 of (\d+) rows failed in sources, from cut; cannot be read to its end: b\.jsonl\.gz:\d+: its gzip "
        r"data is cut short \(how much is missing is not known; lost_share: 1 allows that\)",
        other,
    )
    assert "\nended with too many rows lost, in " in ended.out and "\ndone in" not in ended.out
    assert how.strip() == same.strip() == f"distilray rows {directory} sources --outcome failed"

    shown = distilray(*shlex.split(how)[1:])
    assert shown.code == 0
    assert "good/good.json:8 " in shown.out and "a quotation mark in a string is not escaped" in shown.out
    assert "unreadable from here to the end of the file; its gzip data is cut short; b.jsonl.gz:" in shown.out

    allowed = distilray("run", recipe, "sources.cut.lost_share=1", "--run", directory)
    assert (allowed.code, "\ndone in " in allowed.out) == (0, True)
    assert "1 of 200 rows failed in sources, from good" in allowed.out
