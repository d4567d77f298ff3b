"""`distilray compare`: what it prints and writes, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.command_line import distilray
from tests.support.compared import two


def test_text_json_and_markdown_and_the_files_beside_them(tmp_path: Path):
    first, second = two(tmp_path, [0, 1, 2, 3], [1, 2, 3, 4, 5])
    page, picture = tmp_path / "out" / "page.html", tmp_path / "out" / "bars.svg"
    text = distilray("compare", first, second, "--html", str(page), "--svg", str(picture))
    assert text.code == 0, text.err
    assert text.out.splitlines()[0] == "sums: small → large"
    assert "8 questions in common: 2 gained, 1 lost, 5 answers the same" in text.out and "lost: q0" in text.out
    assert "+12.5 (95 % interval" in text.out
    assert page.read_text("utf-8").startswith("<!doctype html>") and picture.read_text("utf-8").startswith("<svg ")
    [record] = json.loads(distilray("compare", first, second, "--json").out)
    assert (record["gained"], record["lost"]) == (2, 1)
    assert distilray("compare", first, second, "--markdown").out.startswith("| benchmark | metric |")


def test_what_cannot_be_compared_ends_with_exit_code_2(tmp_path: Path):
    ended = distilray("compare", str(tmp_path / "a"), str(tmp_path / "b"))
    assert ended.code == 2 and "does not exist" in ended.err and not ended.out


def test_comparing_loads_neither_torch_nor_ray(tmp_path: Path):
    first, second = two(tmp_path, [0], [1])
    code = (
        "import sys; from distilray.cli import main\n"
        f"main(['compare', {first!r}, {second!r}])\n"
        "print([name for name in ('ray', 'torch', 'vllm', 'transformers') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
