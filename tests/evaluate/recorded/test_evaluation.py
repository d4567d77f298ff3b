"""Recorded responses that are missing, doubled, cut, unreadable or of another benchmark: counted, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilray.evaluate import evaluate_recorded
from distilray.evaluate.recorded.responses import final_text
from tests.support.command_line import Ended, distilray
from tests.support.published_data import lines, put

DATA = [{"question": f"What is {n} plus 1?", "answer": f"#### {n + 1}"} for n in range(5)]


@pytest.fixture
def data(tmp_path: Path) -> str:
    return put(tmp_path / "data", {"gsm8k/test.jsonl": DATA})


def said(numbers: dict[int, Any]) -> list[dict[str, Any]]:
    return [{"question": DATA[n]["question"], "response": text} for n, text in numbers.items()]


def run(tmp_path: Path, records: list[dict[str, Any]], *words: str, name: str = "gsm8k") -> Ended:
    return distilray("evaluate", name, "--responses", lines(tmp_path / "r.jsonl", records), *words)


def test_missing_doubled_cut_and_unparsed_responses_are_counted(tmp_path: Path, data: str):
    records = said({0: "1", 1: "I cannot say.", 2: "<think>2 plus 1 is 3"})
    records += [
        {**records[0], "response": "I think 1."},
        {"question": DATA[3]["question"], "response": "4", "finish_reason": "length"},
    ]
    ended = run(tmp_path, records, "--data-dir", data, "--json")
    [found] = json.loads(ended.out)["results"]
    assert ended.code == 0
    assert (found["answered"], found["missing"], found["missing_ids"]) == (4, 1, ["4"])
    assert (found["responses"], found["samples"], found["doubled"]) == (5, 1, 1)
    assert (found["truncated"], found["unparsed"]) == (2, 2)  # of no number, and of reasoning alone
    assert found["metrics"]["accuracy"]["value"] == 0.5  # 0 and 3 are right; the doubled one is still one question
    text = run(tmp_path, records, "--data-dir", data).out
    assert "1 missing (4)" in text and "1 doubled" in text and "truncated 40.0%" in text


def test_samples_of_every_question_give_pass_at_k_and_lacking_ones_are_counted(tmp_path: Path, data: str):
    records = [one for n in range(4) for one in said({n: [str(n + 1)] * (n + 1) + ["99"] * (4 - n)})]
    records.append(said({4: ["5", "5", "5"]})[0])
    [found] = evaluate_recorded("gsm8k", lines(tmp_path / "r.jsonl", records), data)
    assert (found.samples, found.short, found.doubled) == (5, 2, 0)
    assert "pass@5" not in found.metrics
    assert found.metrics["accuracy"].value == pytest.approx((0.2 + 0.4 + 0.6 + 0.8 + 1.0) / 5)
    [full] = evaluate_recorded("gsm8k", lines(tmp_path / "r.jsonl", records[:4]), data)
    assert full.metrics["pass@5"].value == 1.0
    assert any("repeat the text" in note for note in full.notes)


def test_reasoning_is_removed_and_indentation_is_not():
    assert final_text("<think>\nso\n</think>\n\n    return 1") == ("    return 1", False)
    assert final_text("so 3\n</think>\n4") == ("4", False)
    assert final_text("<think>so 3") == ("", True)
    assert final_text("    return 1\n") == ("    return 1\n", False)
    assert final_text("Write <think> first.") == ("Write <think> first.", False)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"id": "q7", "response": "1"}], "r.jsonl:1: there is no question 'q7' in GSM8K"),
        ([{"question": "Who wrote it?", "response": "1"}], "there is no question 'Who wrote it?' in GSM8K"),
        ([{"question": "What is 3 plus 11?", "response": "1"}], "(the nearest is 'What is 3 plus 1?')"),
        ([{"response": "1"}], "nothing says which question of GSM8K it answers; the record has response"),
        ([{"id": 0, "question": "Who wrote it?", "response": "1"}], "reads 'What is 0 plus 1?' in the data set"),
        ([{"question": DATA[0]["question"], "said": "1"}], "no response; the record has question, said"),
        ([], "is empty"),
    ],
)
def test_what_cannot_be_matched_is_refused(records: list[dict[str, Any]], message: str, tmp_path: Path, data: str):
    ended = run(tmp_path, records, "--data-dir", data)
    assert ended.code == 2 and message in ended.err and not ended.out


def test_a_column_that_may_be_the_reference_is_no_response(tmp_path: Path, data: str):
    """Or a misspelt column would score the data set's own answers."""
    ended = run(tmp_path, [{**DATA[0], "reponse": "It is 17."}], "--data-dir", data)
    assert ended.code == 2 and "'answer' may be the data set's reference, and 'reponse' the response" in ended.err
    [found] = evaluate_recorded("gsm8k", lines(tmp_path / "r.jsonl", DATA), data)
    assert found.metrics["accuracy"].value == 1.0 and found.notes[-1] == "the responses are those under 'answer'"


def test_an_id_is_enough_where_a_harness_words_the_question_otherwise(tmp_path: Path, data: str):
    records = [{"id": 2, "prompt": "Please tell me What number 2\u00a0plus 1 amounts to", "response": "3"}]
    [found] = evaluate_recorded("gsm8k", lines(tmp_path / "r.jsonl", records), data)
    assert found.scored[0].question.id == "2"


def test_a_text_that_several_questions_have_needs_more(tmp_path: Path):
    rows = [
        {"question": "Which?", "subject": "art", "choices": list(options), "answer": 0} for options in ("abcd", "efgh")
    ]
    folder = put(tmp_path / "d", {"mmlu/all/test-0.parquet": rows})
    ended = run(tmp_path, [{"question": "Which?", "response": "A"}], "--data-dir", folder, name="mmlu")
    assert ended.code == 2 and "2 questions of MMLU read 'Which?'" in ended.err
    told = [{"question": "Which?", "choices": list("efgh"), "response": "A"}, {"id": "art/0", "response": "A"}]
    [found] = evaluate_recorded("mmlu", lines(tmp_path / "r.jsonl", told), folder)
    assert [one.question.id for one in found.scored] == ["art/1", "art/0"]


def test_a_line_that_is_not_json_is_named(tmp_path: Path, data: str):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(said({0: "1"})[0]) + "\n{broken\n")
    ended = distilray("evaluate", "gsm8k", "--responses", str(path), "--data-dir", data)
    assert ended.code == 2 and "r.jsonl:2: " in ended.err


def test_an_unknown_benchmark_names_the_nearest(tmp_path: Path):
    ended = run(tmp_path, said({0: "1"}), name="gsm9k")
    assert ended.code == 2 and "no benchmark 'gsm9k'; the nearest is gsm8k" in ended.err


def test_a_missing_data_set_says_what_goes_where(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    ended = run(tmp_path, [{"id": 0, "response": "1"}])
    assert ended.code == 2 and "do not carry their questions" in ended.err and "openai/gsm8k" in ended.err
    ended = run(tmp_path, said({0: "1"}), "--data-dir", str(tmp_path / "empty"))
    assert ended.code == 2 and "gsm8k/test.jsonl" in ended.err
    ended = run(tmp_path, said({0: "1"}), "--data-dir", str(tmp_path / "nowhere"))
    assert ended.code == 2 and "does not exist" in ended.err


def test_a_data_set_of_another_release_is_refused(tmp_path: Path):
    late = {
        "question_id": "1",
        "question_content": "Print.",
        "public_test_cases": "[]",
        "contest_date": "2024-08-03T00:00:00",
    }
    early = {**late, "contest_date": "2023-08-03"}
    french = {"key": 1, "prompt": "Dis.", "instruction_id_list": ["fr:special_character:accents"], "kwargs": [{}]}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("livecodebench_v2", {"test.jsonl": [late]}, "test.jsonl:1: problem 1 is of 2024-08-03"),
        ("mbpp", {"mbpp.jsonl": [{"task_id": 11, "prompt": "Write.", "test_list": ["assert a"]}]}, "sanitized release"),
        ("humaneval", {"HumanEval.jsonl": [{"id": 1, "prompt": "def"}]}, "no task_id and no test and no entry_point"),
        ("aime_2024", {"a.jsonl": [{"ID": k, "Problem": f"p{k}", "Answer": 1} for k in range(60)]}, "60 questions, "),
        ("gsm8k", {"test.jsonl": [DATA[0], {"question": "?"}]}, "test.jsonl:2: no answer"),
        ("aime_2024", {"a.jsonl": [{"ID": "2025-I-1", "Problem": "p", "Answer": 1}]}, "a problem of 2025, not of 2024"),
        ("aime_2024", {"a.jsonl": [{"title": "AIME"}]}, "a.jsonl:1: not a record of AIME 2024 (KeyError: 'problem')"),
        ("ceval", {"val/art_val.csv": "id,question,A,B,C,D,answer\n0,q,a,b,c,d,\n"}, "art_val.csv:1: no answer"),
        ("ifeval", {"fr_input_data.jsonl": [french]}, "the instruction 'fr:special_character:accents' is none of"),
        ("livecodebench_v2", {"test.jsonl": [{**early, "question_id": str(k)} for k in range(400)]}, "of release_v1"),
    ]  # fmt: skip
    for name, files, message in cases:
        folder = put(tmp_path / name, files)
        ended = run(tmp_path, [{"id": "1", "response": "x"}], "--data-dir", folder, name=name)
        assert ended.code == 2 and message in ended.err, ended.err


def test_a_part_of_the_release_is_said_to_be_one(tmp_path: Path, data: str):
    [found] = evaluate_recorded("gsm8k", lines(tmp_path / "r.jsonl", said({0: "1"})), data)
    assert found.notes == ["the data set has 5 of the release's 1,319 questions"]


def test_the_samples_file_must_be_writable(tmp_path: Path, data: str):
    ended = run(tmp_path, said({0: "1"}), "--data-dir", data, "--samples", str(tmp_path / "no" / "file.jsonl"))
    assert ended.code == 2 and "--samples" in ended.err
