"""Small data sets of our own in the formats in which the published benchmarks come, with right and wrong responses."""

from __future__ import annotations

import base64
import csv
import io
import json
import pickle
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

Record = dict[str, Any]


class Sample(NamedTuple):
    """A data set's files (path to content), and the records of responses that are all right and all wrong."""

    files: dict[str, Any]
    right: list[Record]
    wrong: list[Record]


def lines(path: Path, records: Sequence[Record]) -> str:
    """Writes JSON lines; returns the path for a command line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def put(folder: Path, files: dict[str, Any]) -> str:
    """Writes a data set: records by the file's ending, text as it is."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(content), path)
        else:
            lines(path, content)
    return str(folder)


def table(header: Sequence[str], *rows: Sequence[Any]) -> str:
    """A CSV file's text; without a line for the header where that is empty."""
    stream = io.StringIO()
    csv.writer(stream).writerows([header, *rows] if header else rows)
    return stream.getvalue()


def gsm8k() -> Sample:
    data = [
        {"question": "Ann has 3 pens and buys 4. How many has she?", "answer": "3+4=<<3+4=7>>7\n#### 7"},
        {"question": "Bo has 1,500 seeds and loses 300. How many are left?", "answer": "1500-300=1200\n#### 1,200"},
    ]
    right = [{"question": one["question"], "response": one["answer"]} for one in data]
    wrong = [{"question": one["question"], "response": "So the answer is 5."} for one in data]
    return Sample({"test.jsonl": data}, right, wrong)


def math_500() -> Sample:
    data = [
        {
            "problem": "What is one half plus one quarter?",
            "answer": r"\frac{3}{4}",
            "unique_id": "test/algebra/1.json",
            "subject": "Algebra",
            "level": 1,
            "solution": "",
        },
        {
            "problem": "Solve $x^2=2$ for $x>0$.",
            "answer": r"\sqrt{2}",
            "unique_id": "test/algebra/2.json",
            "subject": "Algebra",
            "level": 2,
            "solution": "",
        },
    ]
    right = [{"unique_id": data[0]["unique_id"], "output": "It is 0.75, so \\boxed{0.75}."}]
    right += [{"unique_id": data[1]["unique_id"], "output": "<think>\\boxed{9}</think>\n\nSo $\\boxed{2^{1/2}}$."}]
    return Sample({"test.jsonl": data}, right, [{**one, "output": "\\boxed{17}"} for one in right])


def aime_2024() -> Sample:
    data = [{"ID": "2024-I-1", "Problem": "How far does Aya walk, in minutes?", "Solution": "...", "Answer": 204}]
    return Sample(
        {"aime.parquet": data},
        [{"id": "2024-I-1", "responses": ["It is \\boxed{204}.", "The answer is 204."]}],
        [{"id": "2024-I-1", "responses": ["\\boxed{205}", "I do not know."]}],
    )


def humaneval() -> Sample:
    data = [
        {
            "task_id": "HumanEval/0",
            "prompt": 'def double(n):\n    """Twice n."""\n',
            "entry_point": "double",
            "canonical_solution": "    return 2 * n\n",
            "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n",
        },
        {
            "task_id": "HumanEval/1",
            "prompt": 'def last(x):\n    """The last of x."""\n',
            "entry_point": "last",
            "canonical_solution": "    return x[-1]\n",
            "test": "def check(candidate):\n    assert candidate([1, 2]) == 2\n",
        },
    ]
    right = [{"task_id": one["task_id"], "completion": one["canonical_solution"]} for one in data]
    return Sample({"HumanEval.jsonl": data}, right, [{**one, "completion": "    return None\n"} for one in right])


def mbpp() -> Sample:
    data = [
        {
            "task_id": 2,
            "text": "Of the few-shot prompts.",
            "code": "",
            "test_list": ["assert a(1) == 1"],
            "test_setup_code": "",
            "challenge_test_list": [],
        },
        {
            "task_id": 11,
            "text": "Write a function to square a number.",
            "code": "",
            "test_list": ["assert square(3) == 9", "assert square(0) == 0"],
            "test_setup_code": "",
            "challenge_test_list": [],
        },
    ]
    right = [{"task_id": 11, "solution": "```python\ndef square(n):\n    return n * n\n```"}]
    return Sample({"mbpp.jsonl": data}, right, [{"task_id": 11, "solution": "def square(n):\n    return n + n"}])


def livecodebench_v2() -> Sample:
    def tests(*pairs: tuple[str, str], kind: str) -> str:
        return json.dumps([{"input": given, "output": wanted, "testtype": kind} for given, wanted in pairs])

    packed = base64.b64encode(zlib.compress(pickle.dumps(tests(("5\n", "10\n"), kind="stdin")))).decode()
    common = {"platform": "here", "difficulty": "easy", "contest_date": "2023-08-21T00:00:00", "starter_code": ""}
    data = [
        {
            "question_id": "1873_A",
            "question_content": "Read n, print 2n.",
            "public_test_cases": tests(("1\n", "2\n"), kind="stdin"),
            "private_test_cases": packed,
            "metadata": "{}",
            **common,
        },
        {
            "question_id": "2777",
            "question_content": "Write add.",
            "public_test_cases": tests(("1\n2", "3"), kind="functional"),
            "private_test_cases": "[]",
            "metadata": json.dumps({"func_name": "add"}),
            **common,
        },
    ]
    add = "```python\nclass Solution:\n    def add(self, a, b):\n        return a + b\n```"
    right = [{"question_id": "1873_A", "code_list": ["print(2 * int(input()))"]}]
    right += [{"question_id": "2777", "code_list": [add]}]
    wrong = [{"question_id": "1873_A", "code_list": ["print(int(input()) + 1)"]}]  # passes the public test alone
    wrong += [{"question_id": "2777", "code_list": [add.replace("a + b", "a - b")]}]
    return Sample({"test.jsonl": data[:1], "test2.jsonl": data[1:]}, right, wrong)


def ifeval() -> Sample:
    nothing = {"num_words": None, "relation": None}
    data = [
        {
            "key": 1,
            "prompt": "Say something without commas, in at least 3 words.",
            "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
            "kwargs": [nothing, {"num_words": 3, "relation": "at least"}],
        },
        {
            "key": 2,
            "prompt": "Answer in lowercase.",
            "instruction_id_list": ["change_case:english_lowercase"],
            "kwargs": [nothing],
        },
    ]
    right = [{"prompt": data[0]["prompt"], "response": "three plain words"}]
    right += [{"prompt": data[1]["prompt"], "response": "this is an answer in lowercase."}]
    return Sample({"ifeval_input_data.jsonl": data}, right, [{**one, "response": "No, NO"} for one in right])


def choices(answer: str, *questions: str) -> tuple[list[Record], list[Record]]:
    right = [{"question": question, "response": f"I think the answer is ({answer})."} for question in questions]
    return right, [{**one, "response": "The answer is (C)."} for one in right]


def mmlu() -> Sample:
    options = ["red", "blue", "green", "grey"]
    data = [
        {"question": f"Which colour has the {thing}?", "subject": subject, "choices": options, "answer": 1}
        for subject, thing in (("astronomy", "sky"), ("astronomy", "sea"), ("anatomy", "vein"))
    ]
    return Sample({"all/test-00000-of-00001.parquet": data}, *choices("B", *(one["question"] for one in data)))


def ceval() -> Sample:
    rows = [[0, "天空是什么颜色？", "红", "蓝", "绿", "灰", "B"], [1, "草是什么颜色？", "红", "绿", "蓝", "灰", "B"]]
    text = table(["id", "question", "A", "B", "C", "D", "answer"], *rows)
    return Sample({"val/art_studies_val.csv": text}, *choices("B", *(str(row[1]) for row in rows)))


def cmmlu() -> Sample:
    rows = [[0, "天空是什么颜色？", "红", "蓝", "绿", "灰", "B"]]
    text = table(["", "Question", "A", "B", "C", "D", "Answer"], *rows)
    return Sample({"test/arts.csv": text}, *choices("B", "天空是什么颜色？"))


def mmlu_pro() -> Sample:
    data = [
        {
            "question_id": 70,
            "question": "What is 6 times 7?",
            "options": ["40", "42", "41", "N/A", "N/A"],
            "answer": "B",
            "answer_index": 1,
            "category": "math",
        },
    ]
    right = [{"question_id": 70, "model_outputs": "6*7 = 42. The answer is (B)."}]
    return Sample({"data/test-0.parquet": data}, right, [{"question_id": 70, "model_outputs": "The answer is (J)."}])


def gpqa_diamond() -> Sample:
    wrong = {f"Incorrect Answer {k}": f"10^-{k} eV" for k in (1, 2, 3)}
    names = ["Record ID", "Question", "Correct Answer", *wrong, "High-level domain"]
    row = ["rec1", "Which energy is it?", "10^-4 eV ", *wrong.values(), "Physics"]
    shown = ["10^-1 eV", "10^-2 eV", "10^-4 eV", "10^-3 eV"]
    right = [{"id": "rec1", "choices": shown, "response": "The answer is (C)."}]
    return Sample({"gpqa_diamond.csv": table(names, row)}, right, [{**right[0], "response": "The answer is (A)."}])


SAMPLES: dict[str, Callable[[], Sample]] = {
    made.__name__: made
    for made in (
        gsm8k,
        math_500,
        aime_2024,
        humaneval,
        mbpp,
        livecodebench_v2,
        ifeval,
        mmlu,
        ceval,
        cmmlu,
        mmlu_pro,
        gpqa_diamond,
    )
}
"""Of every benchmark that no judge scores."""


def mt_bench_questions() -> dict[str, Any]:
    """Two conversations to be asked, the second of them with reference answers, which are in a file of their own."""
    data = [
        {"question_id": 81, "category": "writing", "turns": ["Write a line about rain.", "Now about snow."]},
        {"question_id": 111, "category": "math", "turns": ["What is 3 times 4?", "And twice that?"]},
    ]
    given = [{"question_id": 111, "model_id": "gpt-4", "choices": [{"index": 0, "turns": ["12", "24"]}]}]
    return {"question.jsonl": data, "reference_answer/gpt-4.jsonl": given}


def alpaca_eval_questions() -> dict[str, Any]:
    """Instructions to be asked, with a baseline's outputs."""
    data = [
        {"instruction": f"Instruction {k} of our own.", "output": f"The baseline's {k}.", "generator": "baseline"}
        for k in range(6)
    ]
    return {"alpaca_eval_gpt4_baseline.json": json.dumps(data)}


ASKED: dict[str, Callable[[], dict[str, Any]]] = {
    "mt_bench": mt_bench_questions,
    "alpaca_eval": alpaca_eval_questions,
    **{name: (lambda made=made: made().files) for name, made in SAMPLES.items()},
}
"""Of every benchmark the files of a data set whose questions can be asked."""


def texts_of(records: Sequence[Record]) -> list[str]:
    """The first response in each record, under whatever name the benchmark's project gives it."""
    names = ("response", "output", "completion", "solution", "code_list", "model_outputs", "responses")
    found = [next(record[name] for name in names if name in record) for record in records]
    return [value[0] if isinstance(value, list) else value for value in found]
