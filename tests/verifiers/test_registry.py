"""One registry: what each kind takes, who may name it, and the verifiers that users bring."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.evaluate import BenchmarkStep, Questions
from distilray.rows import Row
from distilray.steps import Check, ShortenTrace
from distilray.verifiers import KINDS, VERIFIERS, Verdict, VerifierPool, grade, verifier_of, verify_now
from tests.support.planted import go, problem

BROUGHT = """
from distilray.verifiers import Verdict

def close_to(answer, reference, *, within=0.1):
    off = abs(float(answer) - float(reference))
    return Verdict(off <= within, f"off by {off:g}")

def careless(answer, reference):
    return answer == reference

number = 5
"""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a user's, which only the import path knows."""
    (tmp_path / "brought_verifiers.py").write_text(BROUGHT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "brought_verifiers"


def graded(*check, **settings) -> Verdict:
    return asyncio.run(grade(*check, **settings))


def pooled(*check, **settings) -> Verdict:
    async def decide() -> Verdict:
        pool = VerifierPool()
        try:
            return await pool.verify(*check, **settings)
        finally:
            await pool.close()

    return asyncio.run(decide())


def test_what_each_kind_takes_is_read_from_its_function():
    assert {kind: verifier.settings for kind, verifier in VERIFIERS.items()} == {
        "math": ("relative",),
        "code": ("prompt", "entry_point", "timeout_s", "total_s", "memory_mb", "stop_at_first"),
        "choice": ("options", "zero_based"),
        "format": ("loose",),
        "language": (),
        "refusal": ("language",),
        "numeric": (),
    }


@pytest.mark.parametrize(
    "check", [("numeric", "so 5", "5"), ("choice", "(B)", "B"), ("math", r"\boxed{0.5}", r"\frac12"), ("math", "", "1")]
)
def test_grading_comes_to_the_same_at_once_and_in_a_worker(check):
    assert graded(*check) == pooled(*check) == verify_now(*check)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if VERIFIERS[kind].compares])
def test_every_kind_that_compares_may_be_named_wherever_a_comparison_is(kind):
    source = {"name": "s", "path": "s.jsonl"}
    assert Check(reference=kind).reference == kind
    assert ShortenTrace(model="m", verifier=kind).verifier == kind
    assert BenchmarkStep(model="m", compare=kind).compare == kind
    assert Questions(name="b", source=source, compare=kind).compare == kind  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["taste", "language", 7])
def test_a_comparison_that_there_is_not_is_refused_with_what_there_is(kind):
    with pytest.raises(
        ValidationError, match="does not name a comparison; known are numeric, math, code, choice, none"
    ):
        Check(reference=kind)


def test_a_users_verifier_is_found_in_the_workers_too(brought):
    assert graded(f"{brought}:close_to", "5.05", "5") == Verdict(True, "off by 0.05")
    assert graded(f"{brought}:close_to", "5.05", "5", within=0.01).right is False
    assert verifier_of(f"{brought}:close_to").settings == ("within",)


@pytest.mark.parametrize("value", ["brought_verifiers:close_to", {"uses": "brought_verifiers:close_to"}])
def test_a_check_uses_a_users_verifier_and_is_written_back(brought, tmp_path, value):
    check = Check(reference=value, language=False)
    row: Row = problem(reference="861", answer="861.04")
    outcome, _ = go(tmp_path, check, row)
    assert (outcome.kind, outcome.columns["verdict"]) == ("kept", "off by 0.04")
    outcome, _ = go(tmp_path, check, row.having(answer="862"))
    assert (outcome.kind, outcome.reason) == ("rejected", "wrong answer")
    assert Check.model_validate(check.model_dump(mode="json")) == check


def test_what_a_users_verifier_raises_or_returns_by_mistake_is_an_undecided_verdict(brought):
    crashed = graded(f"{brought}:close_to", "many", "5")
    assert (crashed.right, "ValueError" in crashed.reason) == (None, True)
    wrong = graded(f"{brought}:careless", "5", "5")
    assert wrong.right is None
    assert "brought_verifiers:careless returned True, not a Verdict" in wrong.reason


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("no_such_module:f", "'no_such_module:f' cannot be imported: No module named.*its workers run"),
        ("brought_verifiers:gone", "module brought_verifiers has no gone"),
        ("brought_verifiers:number", "is 5, not a function"),
    ],
)
def test_a_users_verifier_that_cannot_be_had_is_an_error_when_the_recipe_is_read(brought, place, text):
    with pytest.raises(ValidationError, match=text):
        Check(reference=place)
    with pytest.raises(ValueError, match=text):
        asyncio.run(VerifierPool().verify(place, "a", "b"))
