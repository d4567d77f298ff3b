"""Two evaluations side by side: pairs, differences with intervals, and what cannot be compared."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from distilray.errors import InputError
from distilray.evaluate import CompareError, compare_evaluations, compare_in_run, paired_difference
from distilray.storage import Store
from tests.support.compared import QUESTIONS, STAMP, harness_sample, samples, two, write_lines


def test_the_difference_is_paired_by_question_and_says_what_was_gained_and_lost(tmp_path: Path):
    [found] = compare_evaluations(*two(tmp_path, [0, 1, 2, 3], [1, 2, 3, 4, 5]))
    assert (found.benchmark, found.first, found.second, found.metric) == ("sums", "small", "large", "exact_match")
    assert (found.shared, found.gained, found.lost, found.alike) == (QUESTIONS, 2, 1, 5)
    change = found.metrics["exact_match"]
    first, second = ({f"q{k}": float(k in right) for k in range(8)} for right in ([0, 1, 2, 3], [1, 2, 3, 4, 5]))
    assert change.paired and change.difference == paired_difference(first, second)
    assert (change.first.value, change.second.value) == (0.5, 0.625)
    unpaired = math.hypot(change.first.stderr or 0, change.second.stderr or 0)
    assert (change.difference.stderr or 0) < unpaired
    assert [one.question for one in found.changes] == ["q0", "q4", "q5"]
    assert found.changes[0].gain == -1.0 and found.changes[0].first.response == "It is 0."


def test_questions_of_one_group_are_one_draw_of_the_difference(tmp_path: Path):
    [apart] = compare_evaluations(*two(tmp_path / "apart", [0], [0, 1, 2, 3]))
    [together] = compare_evaluations(*two(tmp_path / "together", [0], [0, 1, 2, 3], cluster="one"))
    assert apart.metrics["exact_match"].difference.n == QUESTIONS
    assert together.metrics["exact_match"].difference.n == 1
    assert together.metrics["exact_match"].difference.interval is None


def test_several_samples_of_a_question_are_averaged_before_they_are_paired(tmp_path: Path):
    again = [{**one, "sample": 1, "response": "No."} for one in samples([], model="small")]
    first = write_lines(tmp_path / "samples_a.jsonl", [*samples([0, 1], model="small"), *again])
    second = write_lines(tmp_path / "samples_b.jsonl", samples([0, 1], model="large"))
    [found] = compare_evaluations(first, second)
    assert found.metrics["exact_match"].first.value == 1 / QUESTIONS
    assert found.metrics["exact_match"].difference.value == 1 / QUESTIONS
    assert found.metrics["exact_match"].difference.n == QUESTIONS


def test_scores_that_stand_for_several_observations_are_weighed(tmp_path: Path):
    more = {"scores": {"inst": 2.0}, "weights": {"inst": 4.0}, "metric": "inst", "score": 2.0}
    first = write_lines(tmp_path / "samples_a.jsonl", samples([], **more))
    second = write_lines(tmp_path / "samples_b.jsonl", samples([], **{**more, "scores": {"inst": 3.0}, "score": 3.0}))
    [found] = compare_evaluations(first, second)
    change = found.metrics["inst"]
    assert (change.first.value, change.second.value, change.difference.value) == (0.5, 0.75, 0.25)


def test_questions_that_one_alone_answered_are_counted_and_not_compared(tmp_path: Path):
    first = write_lines(tmp_path / "samples_a.jsonl", samples([0])[:6])
    second = write_lines(tmp_path / "samples_b.jsonl", samples([0, 7])[1:])
    [found] = compare_evaluations(first, second)
    assert (found.shared, found.only_first, found.only_second, found.gained) == (5, 1, 2, 0)
    assert found.metrics["exact_match"].difference.value == 0.0


def test_samples_of_the_harness_are_read_once_of_several_filters(tmp_path: Path):
    def written(name: str, right: list[int]) -> str:
        records = [harness_sample(k, k in right, kind) for kind in ("strict-match", "flexible") for k in range(4)]
        return write_lines(tmp_path / name / f"samples_gsm8k_{STAMP}.123456.jsonl", records)

    [found] = compare_evaluations(written("lab__a", [0]), written("lab__b", [0, 1]))
    assert (found.benchmark, found.first, found.second) == ("gsm8k", "lab__a", "lab__b")
    assert (found.shared, found.gained, found.lost, found.alike) == (4, 1, 0, 3)
    assert found.changes[0].second.extracted == "1" and found.changes[0].first.input == "What is 1?"


def test_a_results_file_leads_to_its_samples_and_without_them_is_compared_by_its_errors(tmp_path: Path):
    first, second = two(tmp_path, [0, 1], [0, 1, 2])
    places = []
    for place, value in ((first, 0.25), (second, 0.375)):
        values = {"alias": "sums", "exact_match,none": value, "exact_match_stderr,none": 0.03}
        counts = {"sums": {"original": 8, "effective": 8}}
        record = {"results": {"sums": values}, "n-samples": counts, "model_name": Path(place).parent.name}
        path = Path(place).with_name(f"results_{STAMP}.json")
        path.write_text(json.dumps(record))
        places.append(str(path))
    [found] = compare_evaluations(*places)
    assert found.shared == QUESTIONS and found.metrics["exact_match"].paired
    Path(first).unlink()
    [found] = compare_evaluations(*places)
    change = found.metrics["exact_match"]
    assert not change.paired and (found.shared, found.first) == (0, "a")
    assert change.difference.value == 0.125
    assert change.difference.stderr == pytest.approx(math.hypot(0.03, (3 / 8 * 5 / 8 / 7) ** 0.5))


def test_the_models_of_a_run_are_found_by_folder_and_an_older_writing_is_not_read(tmp_path: Path):
    store = Store(tmp_path / "run")
    store.write_json("run.json", {})
    for model, right in (("student_before", [0]), ("student_after", [0, 1, 2])):
        folder = Path(store.full(f"evaluations/{model}/sums/results"))
        write_lines(folder / "samples_sums_2026-01-01T00-00-00.jsonl", samples([], model=model))
        write_lines(folder / f"samples_sums_{STAMP}.jsonl", samples(right, model=model))
    [found] = compare_in_run(store, "student_before", "student_after")
    assert (found.gained, found.lost) == (2, 0)
    base = store.full("evaluations")
    assert compare_evaluations(f"{base}/student_before", f"{base}/student_after") == [found]
    assert [(one.first, one.gained) for one in compare_evaluations(store.base, store.base)] == [
        ("student_after", 0), ("student_before", 0),
    ]  # fmt: skip
    assert compare_in_run(store, "student_before", "teacher") == []


def test_an_object_store_is_read_as_a_folder_is(tmp_path: Path, s3_store: Store):
    lines = "".join(json.dumps(one) + "\n" for one in samples([0], model="student_after"))
    s3_store.write(f"evaluations/student_after/sums/results/samples_sums_{STAMP}.jsonl", lines.encode())
    name, _, query = s3_store.uri.partition("?")
    [found] = compare_evaluations(two(tmp_path, [], [0])[0], f"{name}/evaluations?{query}")
    assert (found.second, found.gained) == ("student_after", 1)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("nowhere", "a", "nowhere: does not exist"),
        ("empty", "a", "empty: holds no results of an evaluation"),
        ("bad.jsonl", "a", "bad.jsonl:2: not JSON"),
        ("list.jsonl", "a", "list.jsonl:1: not an object"),
        ("responses.jsonl", "a", "responses.jsonl:1: not a sample; the record has id, response"),
        ("unscored.jsonl", "a", "unscored.jsonl:1: a sample without a score"),
        ("results.json", "a", "results.json: has no `results`"),
        ("other.jsonl", "a", "have no benchmark in common: riddles and sums"),
        ("elsewhere.jsonl", "a", "have no question of sums in common"),
        ("both", "third.jsonl", "which of them?"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_place(tmp_path: Path, first: str, second: str, message: str):
    two(tmp_path, [0], [1])
    two(tmp_path / "both", [0], [1])
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.jsonl").write_text(json.dumps(samples([])[0]) + "\n{broken\n")
    (tmp_path / "list.jsonl").write_text("[1]\n")
    (tmp_path / "results.json").write_text("{}")
    write_lines(tmp_path / "responses.jsonl", [{"id": 1, "response": "x"}])
    write_lines(tmp_path / "unscored.jsonl", [{**harness_sample(0, True), "metrics": []}])
    write_lines(tmp_path / "other.jsonl", samples([], benchmark="riddles"))
    write_lines(tmp_path / "elsewhere.jsonl", [{**one, "question": f"x{one['question']}"} for one in samples([])])
    write_lines(tmp_path / "third.jsonl", samples([], model="third"))
    with pytest.raises(CompareError) as raised:
        compare_evaluations(str(tmp_path / first), str(tmp_path / second))
    assert message in str(raised.value) and "\n  " in str(raised.value)
    assert isinstance(raised.value, InputError)
