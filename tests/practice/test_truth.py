"""The truth goes with the rows, apart from the reference that verifiers read."""

from __future__ import annotations

from pathlib import Path

from distilray.practice import TellTruth, problems
from distilray.rows import Row
from distilray.sources import Source, read_batches
from tests.support.planted import go


def test_a_share_of_the_problems_has_no_reference_and_all_have_their_truth() -> None:
    made = list(problems(400, seed=1, without_reference=0.5))
    plain = list(problems(400, seed=1))
    assert [record["messages"] for record in made] == [record["messages"] for record in plain]
    assert [record["truth"] for record in made] == [record["reference"] for record in plain]
    assert 170 <= sum("reference" not in record for record in made) <= 230
    assert all("truth" not in record for record in plain)
    assert made == list(problems(400, seed=1, without_reference=0.5))


def test_a_source_keeps_it_as_a_column_of_its_own() -> None:
    settings = {"rows": 20, "seed": 1, "without_reference": 0.5}
    source = Source.model_validate(
        {"name": "p", "uses": "distilray.practice:problems", "with": settings, "keep": {"truth": "string"}}
    )
    rows = [Row(values) for table in read_batches(source, 32) for values in table.to_pylist()]
    assert all(row["truth"] for row in rows)
    assert {row["reference"] in (None, row["truth"]) for row in rows} == {True}


def test_every_row_is_kept_with_what_the_truth_says_of_its_answer(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "482+379?"}]
    for k, (answer, truth, right) in enumerate(
        [("So.\n\nanswer: 861", "861", True), ("answer: 851", "861", False), (None, "861", None), ("861", None, None)]
    ):
        row = Row({"id": "r", "language": "en", "messages": messages, "answer": answer, "truth": truth})
        outcome, engine = go(tmp_path / str(k), TellTruth(), row)
        assert outcome.kind == "kept" and engine.asked == []
        assert outcome.apply(row)["truth_right"] is right
