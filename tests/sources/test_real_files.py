"""Real instruction files: every record is a row, and the few that cannot be used say why."""

import os
from collections import Counter
from pathlib import Path

import pytest

from distilray.sources import Source, read_batches

SHARED = Path(os.environ.get("DISTILRAY_SHARED", Path(__file__).parents[2].parent / "shared"))
FOLDER = SHARED / "data" / "instructions"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no instruction files at {FOLDER}")


def read(name, **settings):
    source = Source(name=name, path=str(FOLDER / name), **settings)
    return [row for table in read_batches(source, 1024) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("name", "settings", "rows", "answers", "language"),
    [
        ("gsm8k", {"reference_pattern": "#### (.+)$"}, 7473, 7473, "en"),
        ("cmath", {"columns": {"instruction": "input", "reference": "golden"}}, 600, 0, "zh"),
        ("gpteacher", {}, 6458, 6458, "en"),
        ("zh_supplement", {}, 9458, 9457, "zh"),
        ("sharegpt_zh_1k", {}, 1500, 1492, "zh"),
        ("self_instruct_seeds", {}, 175, 175, "en"),
        ("belle_zh_seeds", {}, 175, 175, "zh"),
    ],
)
def test_every_record_of_a_real_source_is_a_row(name, settings, rows, answers, language):
    found = read(name, **settings)
    assert len(found) == rows == len({row["id"] for row in found})
    assert sum(row["answer"] is not None for row in found) == answers
    languages = Counter(row["language"] for row in found if row["outcome"] is None)
    assert languages[language] >= 0.95 * languages.total()


def test_gsm8k_has_its_numbers_as_references_and_its_solutions_as_traces():
    found = read(
        "gsm8k",
        form="trace",
        reference_pattern=r"#### (.+)$",
        trace_pattern=r"(?s)(?P<reasoning>.+)\n#### (?P<answer>.+)",
    )
    assert Counter(row["outcome"] for row in found) == {None: 7473}
    assert all(row["reference"] == row["answer"] and row["reasoning"] for row in found)
    assert found[0]["reference"] == "72"


def test_the_records_that_cannot_be_used_are_these():
    failed = [row for name in ("zh_supplement", "sharegpt_zh_1k", "gpteacher") for row in read(name) if row["outcome"]]
    assert [row["reason"] for row in failed] == [
        "malformed: empty instruction; terms.json:152",
        "malformed: empty user turn; sharegpt_zh_1K_format.jsonl:59",
    ]


def test_preference_pairs_have_both_answers():
    found = read("sharegpt_zh_1k")
    assert sum(row["rejected_answer"] is not None for row in found) == 500
