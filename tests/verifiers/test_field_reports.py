"""The cases of users' reports that a verdict settles, where they are at hand: r right, w wrong, u undecided."""

from __future__ import annotations

import json

import pytest

from distilray.verifiers import verify_now
from tests.support.recorded_data import SHARED

pytestmark = pytest.mark.slow
CASES = [
    "01-tiny-fractions",
    "03-boxed-formula-then-letter",
    "04-options-are-numbers",
    "06-usage-block-last",
    "08-tests-that-nobody-calls",
    "12-nan",
    "21-dollars-are-money",
]


@pytest.mark.parametrize("case", CASES)
def test_verdicts_are_those_that_are_right(case: str):
    folder = SHARED / "field-reports" / case
    if not folder.exists():
        pytest.skip(f"needs field-reports/{case} below {SHARED} (set DISTILRAY_SHARED)")
    wanted = json.loads((folder / "expected.json").read_text("utf-8"))
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text("utf-8").splitlines()]
    letters = {True: "r", False: "w", None: "u"}
    for pair, allowed in zip(pairs, wanted["lines"], strict=True):
        settings = {"options": pair["options"]} if "options" in pair else {}
        verdict = verify_now(wanted["kind"], pair["answer"], pair["reference"], **settings)
        assert letters[verdict.right] in allowed, (pair, verdict)
