"""The command line as a whole: help, wrong arguments, overrides, and what becomes of errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

import distilray
from distilray.cli.command_line import parse
from distilray.cli.commands import COMMANDS, command_module
from tests.support import command_line


def test_the_help_lists_every_command_with_what_it_does():
    ended = command_line.distilray("--help")
    listed = " ".join(ended.out.split())
    assert ended.code == 0
    assert [name for name, summary in COMMANDS.items() if f"{name} {summary}" not in listed] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_its_example_and_its_arguments(name: str):
    ended = command_line.distilray(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert (command_module(name).__doc__ or "").strip() in ended.out
    assert f"usage: distilray {name}" in ended.out


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_wrong_input(name: str):
    ended = command_line.distilray(name, "--no-such-option")
    assert (ended.code, ended.out) == (2, "")
    assert f"distilray {name}: error" in ended.err or "unrecognized arguments" in ended.err


@pytest.mark.parametrize(("words", "text"), [((), "required: COMMAND"), (("dance",), "invalid choice: 'dance'")])
def test_a_command_must_be_one_of_ours(words: tuple[str, ...], text: str):
    ended = command_line.distilray(*words)
    assert ended.code == 2 and text in ended.err


def test_the_version_is_the_package_s():
    assert command_line.distilray("--version").out == f"distilray {distilray.__version__}\n"


def test_overrides_may_stand_before_and_after_options():
    options = parse(["run", "recipe.yaml", "seed=1", "--limit", "3", "steps.answer.n=2"])
    assert (options.overrides, options.limit) == (["seed=1", "steps.answer.n=2"], 3)
    assert options.command == "distilray run recipe.yaml seed=1 --limit 3 steps.answer.n=2"


@pytest.mark.parametrize("words", [["status", "runs/first", "seed=1"], ["run", "recipe.yaml", "--limit", "3", "seed"]])
def test_a_stray_word_is_no_override(words: list[str]):
    ended = command_line.distilray(*words)
    assert ended.code == 2 and f"unrecognized arguments: {words[-1]}" in ended.err


def test_the_help_loads_neither_torch_nor_ray_nor_vllm():
    program = """
import sys
from distilray.cli import main
for words in (["--help"], ["run", "--help"], ["plan", "--help"], ["status", "--help"], ["export", "--help"]):
    try:
        main(words)
    except SystemExit:
        pass
print(*sorted({"torch", "ray", "vllm", "transformers"} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "\n")
