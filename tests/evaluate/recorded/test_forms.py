"""The forms in which others publish responses: each is read alike, and a record without a response is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilray.evaluate import ResponseError, differences, evaluate_recorded
from distilray.evaluate.recorded.forms import responses_of
from tests.support.published_data import lines, put

QUESTION = "Ann has 3 pens and buys 4. How many has she?"
DOC = {"question": QUESTION, "answer": "3+4=<<3+4=7>>7\n#### 7"}
PROMPT = f"Question: {QUESTION}\nAnswer:"
ASKED = {"role": "user", "content": f"Example: How many?\n#### 3\n\n{QUESTION}\nPlease reason step by step."}
HARNESS = {
    "doc_id": 0,
    "doc": DOC,
    "target": DOC["answer"],
    "arguments": {"gen_args_0": {"arg_0": PROMPT, "arg_1": {"until": ["</s>"]}}},
    "resps": [["She has #### 7"]],
    "filtered_resps": ["7"],
    "filter": "strict-match",
    "exact_match": 1.0,
}
SPOKEN = [{"type": "reasoning", "reasoning": "3+5"}, {"type": "text", "text": "She has \\boxed{7}"}]
EVALSCOPE = {
    "index": 0,
    "model": "m",
    "metadata": {"reasoning": "3+4=7"},
    "model_output": {
        "choices": [{"message": {"role": "assistant", "content": SPOKEN}, "stop_reason": "stop"}],
        "usage": {"input_tokens": 20, "output_tokens": 11, "total_tokens": 31},
    },
    "messages": [ASKED],
}
SCORE = {"value": {"acc": 1.0}, "extracted_prediction": "7", "prediction": "So she has 7."}
REVIEW = {"index": 0, "target": ["7"], "messages": [ASKED], "sample_score": {"score": SCORE, "sample_id": 0}}
TURNS = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "7"}]
SOLUTION = {"is_correct": True, "solution": "A: 7"}
FORMS: dict[str, list[dict[str, Any]]] = {
    "by the question's text": [{"question": QUESTION, "response": "The answer is 7."}],
    "by a prompt around it": [{"prompt": f"Solve this:\n  {QUESTION} Think.", "completion": "7"}],
    "by the id": [{"id": 0, "output": "7"}],
    "a list of samples": [{"id": "0", "responses": ["7", "It is 7."], "finish_reasons": ["stop", "stop"]}],
    "a conversation": [{"question": QUESTION, "output": TURNS}],
    "lm-evaluation-harness, one record a filter": [HARNESS, {**HARNESS, "filter": "flexible-extract"}],
    "lm-evaluation-harness, older arguments": [{**HARNESS, "arguments": [[PROMPT, {}]]}],
    "lm-evaluation-harness, a conversation and no doc": [
        {"doc_id": 5, "resps": [["7"]], "arguments": {"gen_args_0": {"arg_0": [json.dumps([ASKED])]}}}
    ],
    "lm-evaluation-harness, filtered alone": [{"doc_id": 0, "doc": DOC, "filtered_resps": ["7"]}],
    "evalscope's predictions": [EVALSCOPE],
    "evalscope's reviews": [REVIEW],
    "an OpenAI batch": [{"custom_id": "0", "response": {"body": {"choices": [{"message": TURNS[1]}]}}}],
    "GSM8K's solutions": [{"question": QUESTION, "ground_truth": "3+4=7\nA: 7", "6b": SOLUTION}],
    "the data set's own answers": [dict(DOC)],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str, tmp_path: Path):
    data = put(tmp_path / "data", {"gsm8k/test.jsonl": [DOC, {"question": "How many?", "answer": "#### 3"}]})
    [found] = evaluate_recorded("gsm8k", lines(tmp_path / "responses.jsonl", FORMS[form]), data)
    assert found.metrics["accuracy"].value == 1.0
    assert (found.answered, found.missing, found.missing_ids, found.doubled) == (1, 1, ["1"], 0)


def test_what_a_response_cost_and_how_it_ended_is_read():
    [response] = responses_of(EVALSCOPE, "file:1")
    assert (response.model, response.output_tokens, response.finish_reason) == ("m", 11, "stop")
    assert response.text == "She has \\boxed{7}"
    [plain] = responses_of(
        {"id": 1, "output": "x", "finish_reason": "length", "usage": {"completion_tokens": 5}}, "f:1"
    )
    assert (plain.output_tokens, plain.finish_reason) == (5, "length")


def test_the_harness_log_likelihoods_choose_an_option(tmp_path: Path):
    doc = {"question": "Which?", "subject": "art", "choices": ["a", "b", "c", "d"], "answer": 1}
    scores = [[["-3.5", "False"]], [["-0.2", "True"]], [["-4.0", "False"]], [["-9.1", "False"]]]
    for logged in ({"resps": scores}, {"filtered_resps": [one[0] for one in scores]}):
        record = {"doc_id": 0, "doc": doc, "target": "1", "filter": "none", **logged}
        [found] = evaluate_recorded("mmlu", lines(tmp_path / "samples_mmlu_art.jsonl", [record]))
        assert found.metrics["accuracy"].value == 1.0
    assert any("of the release's 14,042" in note for note in found.notes)


def test_several_models_in_one_file_are_several_results(tmp_path: Path):
    solutions = {
        "question": QUESTION,
        "ground_truth": "A: 7",
        "small": {"solution": "A: 6"},
        "large": {"solution": "A: 7"},
    }
    found = evaluate_recorded("gsm8k", lines(tmp_path / "solutions.jsonl", [solutions]))
    assert {one.model: one.metrics["accuracy"].value for one in found} == {"small": 0.0, "large": 1.0}
    [pair] = differences(found)
    assert (pair.model, pair.baseline, pair.metric) == ("large", "small", "accuracy")
    assert (pair.estimate.value, pair.estimate.n) == (1.0, 1)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question": QUESTION, "reply_text": "7"}, "no response; the record has question, reply_text"),
        ({"id": 0, "output": {"value": 7}}, "the response is {'value': 7}"),
    ],
)
def test_a_record_without_a_response_names_place_and_columns(record: dict[str, Any], message: str):
    with pytest.raises(ResponseError) as raised:
        list(responses_of(record, "responses.jsonl:3"))
    assert str(raised.value).startswith("responses.jsonl:3: ") and message in str(raised.value)


def test_of_questions_within_a_prompt_the_last_is_asked_and_of_two_that_end_there_the_longer(tmp_path: Path):
    texts = ["How many pens?", "And how many pens?", "How many books?"]
    data = put(tmp_path / "d", {"gsm8k/test.jsonl": [{"question": text, "answer": "#### 1"} for text in texts]})
    prompt = "Q: How many books?\nA: 2\n\nQ: And how many pens?\nA:"
    [found] = evaluate_recorded("gsm8k", lines(tmp_path / "r.jsonl", [{"prompt": prompt, "completion": "1"}]), data)
    assert found.scored[0].question.id == "1"
