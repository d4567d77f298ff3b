"""Records of every usual shape become the same conversation, and those that cannot say why."""

import json

import pytest

from distilray.sources import Source, list_files, rows_of

ADD = [{"role": "user", "content": "Add 2 and 3."}]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    *ADD,
]
THINK = "<think>\n2 and 3 make 5.\n</think>\n\n5"


def row(tmp_path, record, **settings):
    (only,) = rows(tmp_path, record, **settings)
    return only


def rows(tmp_path, *records, **settings):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    source = Source(name="s", path=str(tmp_path / "a.jsonl"), **settings)
    return [row for file in list_files(source) for row in rows_of(source, file)]


def sharegpt(*turns):
    return [{"from": role, "value": text} for role, text in turns]


@pytest.mark.parametrize(
    ("record", "messages"),
    [
        ({"instruction": "Add 2 and 3.", "input": "", "output": "5"}, ADD),
        ({"instruction": "Add.", "input": "2, 3", "output": "5"}, [{"role": "user", "content": "Add.\n2, 3"}]),
        (
            {
                "instruction": "Add 2 and 3.",
                "output": "5",
                "system": "Be brief.",
                "history": [["Hi", "Hello"]],
            },
            TALK,
        ),
        ({"instruction": "Add 2 and 3.", "response": "5", "history": ""}, ADD),
        ({"question": "Add 2 and 3.", "answer": 5}, ADD),
        ({"instruction": "Add 2 and 3.", "instances": [{"input": "", "output": "5"}]}, ADD),
        ({"conversations": sharegpt(("human", "Add 2 and 3."), ("gpt", "5"))}, ADD),
        (
            {
                "system": "Be brief.",
                "conversations": sharegpt(
                    ("user", "Hi"), ("assistant", "Hello"), ("user", "Add 2 and 3."), ("gpt", "5")
                ),
            },
            TALK,
        ),
        ({"messages": [*TALK, {"role": "assistant", "content": "5"}]}, TALK),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Add 2 and 3."}]},
                    {"role": "assistant", "content": "5"},
                ]
            },
            ADD,
        ),
        ({"prompt": "Add 2 and 3.", "completion": "5"}, ADD),
        ({"prompt": TALK, "completion": [{"role": "assistant", "content": "5"}]}, TALK),
    ],
)
def test_every_form_is_recognised(tmp_path, record, messages):
    found = row(tmp_path, record)
    assert (found["messages"], found["answer"], found.get("outcome")) == (messages, "5", None)
    assert "extra" not in found


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "Add 2 and 3."},
        {"query": "Add 2 and 3.", "output": ""},
        {"prompt": "Add 2 and 3."},
        {"prompt": ADD},
        {"messages": ADD},
        {"conversations": sharegpt(("human", "Add 2 and 3."), ("gpt", ""))},
    ],
)
def test_an_instruction_alone_waits_for_its_answer(tmp_path, record):
    found = row(tmp_path, record)
    assert (found["messages"], found["answer"], found.get("outcome")) == (ADD, None, None)


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Add 2 and 3.", "chosen": "5", "rejected": "6"},
        {
            "prompt": ADD,
            "chosen": [{"role": "assistant", "content": "5"}],
            "rejected": [{"role": "assistant", "content": "6"}],
        },
        {
            "chosen": [*ADD, {"role": "assistant", "content": "5"}],
            "rejected": [*ADD, {"role": "assistant", "content": "6"}],
        },
        {
            "prompt": "Add 2 and 3.",
            "chosen": [*ADD, {"role": "assistant", "content": "5"}],
            "rejected": [*ADD, {"role": "assistant", "content": "6"}],
        },
        {
            "conversations": sharegpt(("human", "Add 2 and 3.")),
            "chosen": {"from": "gpt", "value": "5"},
            "rejected": {"from": "gpt", "value": "6"},
        },
        {"question": "Add 2 and 3.", "system": "", "response_chosen": "5", "response_rejected": "6"},
    ],
)
def test_preference_pairs_keep_both_answers(tmp_path, record):
    found = row(tmp_path, record)
    assert found.get("outcome") is None, found
    assert (found["messages"], found["answer"], found["rejected_answer"]) == (ADD, "5", "6")


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [*ADD, {"role": "assistant", "content": THINK}]},
        {"messages": [*ADD, {"role": "assistant", "content": THINK.removeprefix("<think>")}]},
        {"messages": [*ADD, {"role": "assistant", "content": "5", "reasoning_content": "2 and 3 make 5."}]},
        {"instruction": "Add 2 and 3.", "output": THINK},
        {"question": "Add 2 and 3.", "reasoning_content": "2 and 3 make 5.", "answer": "5"},
        {"problem": "Add 2 and 3.", "deepseek_reasoning": "2 and 3 make 5.\n", "deepseek_solution": "5"},
        {
            "conversations": sharegpt(
                ("user", "Add 2 and 3."),
                (
                    "assistant",
                    "<|begin_of_thought|>\n\n2 and 3 make 5.\n\n<|end_of_thought|>\n\n"
                    "<|begin_of_solution|>\n\n5\n\n<|end_of_solution|>",
                ),
            )
        },
        {
            "messages": [
                *ADD,
                {"role": "assistant", "content": "<think>2 and 3 make 5.</think><answer>5</answer>"},
            ]
        },
        {"prompt": "Add 2 and 3.", "completion": THINK},
    ],
)
def test_a_trace_and_its_answer_stand_apart(tmp_path, record):
    found = row(tmp_path, record, form="auto")
    assert found.get("outcome") is None, found
    assert (found["messages"], found["reasoning"], found["answer"]) == (ADD, "2 and 3 make 5.", "5")


def test_the_traces_of_one_problem_are_rows_of_their_own(tmp_path):
    traces = [{"full_response": THINK, "level": 3}, {"full_response": "<think>2 and", "level": 4}]
    first, second = rows(
        tmp_path,
        {"question": "Add 2 and 3.", "answer": "5", "reasoning": traces},
        form="trace",
        keep={"level": "int"},
    )
    assert (first["id"], first["reasoning"], first["answer"]) == ("s/a.jsonl:1.1", "2 and 3 make 5.", "5")
    assert (first["reference"], first["level"]) == ("5", 3)
    assert (second["id"], second["outcome"]) == ("s/a.jsonl:1.2", "failed")


def test_traces_of_earlier_turns_are_left_out(tmp_path):
    turns = [("human", "Hi"), ("gpt", "<think>Greet.</think>Hello"), ("human", "Add 2 and 3."), ("gpt", "5")]
    assert row(tmp_path, {"conversations": sharegpt(*turns)})["messages"] == TALK[1:]


def test_an_answer_that_speaks_of_the_marks_is_no_trace(tmp_path):
    found = row(tmp_path, {"question": "How does R1 write?", "answer": "It writes <think> and then </think>."})
    assert (found["reasoning"], found["answer"]) == (None, "It writes <think> and then </think>.")


USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"foo": "bar"}, "no known form"),
        ({"instruction": "", "output": "5"}, "empty instruction"),
        ({"instruction": " \n", "input": " "}, "empty instruction"),
        ({"instruction": ["a"], "output": "5"}, "instruction is not text"),
        ({"instruction": "a", "history": [["b"]]}, "history is not a list of pairs"),
        ({"messages": []}, "no user turn"),
        ({"messages": "Hi"}, "conversation is not a list of turns"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "no user turn"),
        ({"messages": [USER, "Hi"]}, "turn is not an object"),
        ({"messages": [{"content": "Hi"}]}, "turn without a role"),
        ({"messages": [{"role": "narrator", "content": "Hi"}]}, "turn of an unknown role"),
        ({"messages": [{"role": "user", "content": ""}]}, "empty instruction"),
        (
            {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "a"}, USER]},
            "empty user turn",
        ),
        ({"messages": [USER, {"role": "system", "content": "Hi"}, USER]}, "system turn after the first turn"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "parts that are not text"),
        ({"messages": [USER, {"role": "tool", "content": "Hi"}]}, "tool turns are not supported"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{}]}]}, "tool turns are not supported"),
        ({"conversations": sharegpt(("human", "a"), ("observation", "b"))}, "tool turns are not supported"),
        ({"conversations": sharegpt(("human", "a"), ("gpt", "b")), "tools": "[]"}, "tool turns are not supported"),
        ({"prompt": [USER, {"role": "assistant", "content": "a"}], "completion": "b"}, "ends with an assistant"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "chosen or rejected is empty"),
        ({"chosen": "b", "rejected": "c"}, "no prompt"),
        (
            {
                "prompt": "a",
                "chosen": [USER, {"role": "assistant", "content": "b"}],
                "rejected": "c",
            },
            "chosen answers another prompt",
        ),
        ({"question": "a", "answer": "<think>b"}, "trace without an end"),
        ({"question": "a", "answer": "<|begin_of_thought|>b"}, "trace without an end"),
        ({"question": "a", "reasoning": "<think>b", "answer": "c"}, "trace without an end"),
        ({"question": "a", "answer": "<think>b</think>"}, "trace without an answer after it"),
        ({"messages": [USER, {"role": "assistant", "reasoning_content": "a"}]}, "trace without an answer"),
        ({"question": "a", "answer": "<think>b</think>c</think>d"}, "more than one trace"),
        ({"question": "a", "answer": "<think>b</think><answer>c"}, "answer without an end"),
        ({"question": "a", "answer": "b", "finish_reason": "length"}, "answer cut by length"),
    ],
)
def test_a_record_that_cannot_be_used_says_why_and_where(tmp_path, record, why):
    found = row(tmp_path, record)
    assert (found["id"], found["outcome"]) == ("s/a.jsonl:1", "failed")
    assert why in found["reason"]
    assert found["reason"].startswith("malformed: ")
    assert found["reason"].endswith("; a.jsonl:1")


def test_a_named_trace_form_wants_a_trace_in_every_record(tmp_path):
    with_trace, without = rows(
        tmp_path, {"question": "a", "answer": THINK}, {"question": "a", "answer": "5"}, form="trace"
    )
    assert with_trace["reasoning"] == "2 and 3 make 5."
    assert without["reason"] == "malformed: no trace; a.jsonl:2"


def test_a_named_form_is_not_guessed(tmp_path):
    record = {"instruction": "Add 2 and 3.", "output": "5", "messages": [USER]}
    assert row(tmp_path, record)["messages"] == [USER]
    assert row(tmp_path, record, form="alpaca")["messages"] == ADD


def test_turns_that_end_with_the_users_have_trace_and_answer_beside_them(tmp_path):
    found = row(tmp_path, {"messages": TALK, "reasoning_content": "2 and 3 make 5.", "answer": "5", "level": 2})
    assert found["messages"] == TALK
    assert (found["reasoning"], found["answer"], found["extra"]) == ("2 and 3 make 5.", "5", '{"level":2}')


def test_an_answer_among_the_turns_is_not_replaced_by_a_column(tmp_path):
    found = row(tmp_path, {"messages": [*ADD, {"role": "assistant", "content": THINK}], "response": "6"})
    assert (found["reasoning"], found["answer"], found["extra"]) == ("2 and 3 make 5.", "5", '{"response":"6"}')
