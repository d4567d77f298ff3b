"""Counts add up, and say when they do not."""

from distilray.ledger import Manifest, StepCounts, UnitCounts


def test_every_row_that_enters_or_is_created_must_come_out():
    counts = StepCounts("expand", rows_in=3, created=2)
    for outcome in (("kept",), ("kept",), ("kept",), ("rejected", "too long"), ("failed", "timed out")):
        assert not counts.reconciled
        counts.count(*outcome)
    assert counts.reconciled
    assert counts.reasons == {"rejected: too long": 1, "failed: timed out": 1}


def test_adding_sums_rows_tokens_and_reasons():
    total = StepCounts("judge", rows_in=1, rejected=1, reasons={"rejected: dull": 1}, tokens_out=5)
    total.add(StepCounts("judge", rows_in=2, kept=1, rejected=1, reasons={"rejected: dull": 1}, tokens_out=7))
    assert total == StepCounts("judge", rows_in=3, kept=1, rejected=2, reasons={"rejected: dull": 2}, tokens_out=12)


def test_json_is_the_same_after_a_round_trip_and_says_whether_it_adds_up():
    counts = StepCounts("judge", rows_in=2, kept=1)
    assert counts.to_json()["reconciled"] is False
    assert StepCounts.from_json(counts.to_json()) == counts


def test_reasons_that_quote_a_row_are_counted_by_what_they_share():
    counts = StepCounts("judge", rows_in=2)
    counts.count("failed", "no JSON object; the reply was: 'seven'")
    counts.count("failed", "no JSON object; the reply was: 'eight'")
    assert counts.reasons == {"failed: no JSON object": 2}


def test_a_million_different_reasons_do_not_make_a_million_entries():
    counts = StepCounts("judge", rows_in=5000)
    for number in range(5000):
        counts.count("failed", f"error number {number}")
    assert len(counts.reasons) <= 101
    assert sum(counts.reasons.values()) == counts.failed == 5000


def test_a_manifest_knows_who_did_the_work():
    manifest = Manifest(name="answer", kind="phase", fingerprint="f")
    for runner, engine in (("r0", "e0"), ("r1", "e0"), ("r0", "e1")):
        usage = {"teacher": {"requests": 1, "tokens_out": 10}}
        manifest.add(UnitCounts([StepCounts("answer", rows_in=4, kept=4)], usage, runner, {engine: 4}))
    assert (manifest.units, manifest.runners, manifest.engines) == (3, {"r0": 8, "r1": 4}, {"e0": 8, "e1": 4})
    assert manifest.models["teacher"]["tokens_out"] == 30
    assert manifest.steps[0].rows_in == 12
