"""Benchmarks in a recipe: by kind, ours and those that users bring, read and written back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from distilray.evaluate import BENCHMARKS, BenchmarkEntry, Questions
from tests.support.planted import go, problem

ENTRIES = TypeAdapter(list[BenchmarkEntry])
PRESENT = """
- name: practice
  source: {name: held-out, uses: "distilray.practice:problems", with: {rows: 30, seed: 9, split: held_out}}
  metric: exact_match
  compare: math
  models: [student_before, teacher]
  limit: 20
  samples: 2
"""
BROUGHT = '''
"""Questions about a row's length, as a package outside distilray."""

from typing import ClassVar

from distilray.evaluate import Benchmark
from distilray.prompts import PLAIN
from distilray.rows import kept
from distilray.sources import Source
from distilray.steps import ModelName, Step


class Brevity(Step):
    reads: ClassVar = ("messages",)
    writes: ClassVar = {"answer": "string", "correct_share": "float", "answer_tokens": "float", "truncated": "int"}
    model: ModelName
    longest: int

    async def process(self, row, models):
        [reply] = await models[self.model].replies(PLAIN, row)
        short = len(reply.text) <= self.longest
        return kept(answer=reply.text, correct_share=float(short), answer_tokens=float(reply.tokens_out), truncated=0)


class Short(Benchmark):
    metric: str = "short_replies"
    longest: int = 10

    def questions(self):
        return Source(name="short", uses="distilray.practice:problems", **{"with": {"rows": 4, "seed": 1}})

    def step(self, model, style):
        return Brevity(model=model, longest=self.longest)


class Lacking(Benchmark):
    def questions(self):
        return Source(name="x", path="x.jsonl")


def not_one():
    return None
'''


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a user's, which only the import path knows."""
    (tmp_path / "brought_benchmarks.py").write_text(BROUGHT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "brought_benchmarks"


def read(text: str) -> list:
    return ENTRIES.validate_python(yaml.safe_load(text))


def test_what_recipes_say_today_is_read_as_before():
    [benchmark] = read(PRESENT)
    assert isinstance(benchmark, Questions)
    assert benchmark.questions().name == "held-out"
    assert (benchmark.limit, benchmark.models) == (20, ("student_before", "teacher"))
    step = benchmark.step("teacher", "answer")
    assert step.model_dump(mode="json") == {"model": "teacher", "style": "answer", "compare": "math", "samples": 2}


@pytest.mark.parametrize("kind", [kind for kind in BENCHMARKS if kind != "judged"])  # see judges/test_judged.py
def test_every_kind_of_the_registry_is_written_back_with_its_name(kind):
    benchmark = read(PRESENT.replace("name: practice", f"name: practice\n  kind: {kind}"))[0]
    [document] = ENTRIES.dump_python([benchmark], mode="json", by_alias=True)
    assert document["kind"] == kind
    assert ENTRIES.validate_python(yaml.safe_load(yaml.safe_dump([document]))) == [benchmark]


def test_a_users_benchmark_is_read_run_as_a_step_and_written_back(brought, tmp_path):
    [short] = read(f"- {{uses: '{brought}:Short', name: short, longest: 3, models: [student_after]}}")
    assert (type(short).__name__, short.longest, short.metric) == ("Short", 3, "short_replies")
    step = short.step("student", "plain")
    outcome, _ = go(tmp_path, step, problem(), student=["861"])
    assert outcome.columns["correct_share"] == 1.0
    outcome, _ = go(tmp_path / "another", step, problem(), student=["it is 861"])
    assert outcome.columns["correct_share"] == 0.0
    [document] = ENTRIES.dump_python([short], mode="json", by_alias=True)
    assert document["uses"] == f"{brought}:Short"
    assert ENTRIES.validate_python([document]) == [short]


def test_one_built_in_python_is_taken_as_it_is():
    benchmark = Questions(name="b", source={"name": "s", "path": "s.jsonl"})  # type: ignore[arg-type]
    assert ENTRIES.validate_python([benchmark])[0] is benchmark


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("{kind: riddles, name: a}", "unknown benchmark kind 'riddles'; known are questions, judged.*your own: `uses:"),
        ("{kind: questions, uses: 'a:B', name: a}", "either `kind` .* or `uses`"),
        (
            "{uses: 'no_such_module:B', name: a}",
            "'no_such_module:B' cannot be imported: No module named.*where the dri",
        ),
        ("{uses: 'brought_benchmarks:Gone', name: a}", "module brought_benchmarks has no Gone"),
        ("{uses: 'brought_benchmarks', name: a}", "not of the form package.module:name"),
        ("{uses: 'brought_benchmarks:not_one', name: a}", "not a subclass of distilray.evaluate.Benchmark"),
        ("7", "a benchmark is a mapping such as .*, not 7"),
    ],
)
def test_what_cannot_be_a_benchmark_is_an_error_with_the_remedy(brought, entry, text):
    with pytest.raises(ValidationError, match=text):
        read(f"- {entry}")


def test_a_problem_inside_an_entry_has_its_place(brought):
    with pytest.raises(ValidationError) as raised:
        read(
            "- {name: a, source: {name: s, path: x}, samples: 0}\n"
            f"- {{uses: '{brought}:Short', name: b, longet: 3}}"
        )
    found = {error["loc"]: error["type"] for error in raised.value.errors()}
    assert found == {(0, "samples"): "greater_than_equal", (1, "longet"): "extra_forbidden"}


def test_a_benchmark_that_does_not_say_who_asks_is_refused(brought):
    with pytest.raises(ValidationError, match="brought_benchmarks:Lacking does not implement step"):
        read(f"- {{uses: '{brought}:Lacking', name: a}}")
