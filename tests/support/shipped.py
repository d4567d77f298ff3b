"""The shipped recipes as a user with two cores would cut them: overrides alone, tiny models, a handful of rows.

    recipe, overrides = cut("distilqwen2_5_ds3", tmp_path)

Teacher, judge and rewriter are the practice world's; the student is a random one under the real tokenizer. The rows are
the practice world's, as files in forms that people have.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from distilray.practice import problems, traces
from tests.support.paths import RECIPES
from tests.support.real_students import make_real_student

QUESTIONS = 4
TEACHER, JUDGE = (f"package://distilray.practice/checkpoints/{role}" for role in ("teacher", "judge"))
Record = dict[str, Any]


def cut(name: str, folder: Path, rows: Mapping[str, int] = MappingProxyType({})) -> tuple[str, list[str]]:
    """The path of the shipped recipe ``name`` and the overrides that run it here; ``rows`` of its sources."""
    made = {"answer-and-sft": _first_post, "distilqwen2_5_ds3": _second_post}[name]
    family = "qwen2.5-base" if name == "distilqwen2_5_ds3" else "qwen2.5-instruct"
    student = make_real_student(folder / "student", family)
    # By default vLLM computes in bf16 what is in fp32; here its answers are compared with those of transformers.
    student = model("student", student, max_model_len=512, dtype="float32")
    # The practice world's teacher knows one prompt for answers, that without a style.
    here = ["resources.runners=1", *student, "models.student.sampling.max_tokens=32", "steps.answer.style=null"]
    return str(RECIPES / f"{name}.yaml"), [*here, *made(folder, rows)]


def model(name: str, path: str, **changes: Any) -> list[str]:
    """A model on half a core."""
    small = {"path": path, "gpus": 0, "cpus": 0.5, "replicas": 1, "max_num_seqs": 32, **changes}
    return [f"models.{name}.{key}={value}" for key, value in small.items()]


def training(name: str) -> list[str]:
    """Two steps of four rows by one worker, which computes on the CPU."""
    short = {"epochs": "null", "max_steps": 2, "batch_size": 4, "max_length": 512, "log_every": 1}
    worker = {"workers": 1, "gpus_per_worker": 0, "cpus_per_worker": 0.5}
    return [f"train.{name}.{key}={value}" for key, value in short.items()] + [
        f"train.{name}.resources.{key}={value}" for key, value in worker.items()
    ]


def _first_post(folder: Path, rows: Mapping[str, int]) -> Iterator[str]:
    # Trained on the teacher's part and then on the judge's, the judge plays both: half of its answers are right.
    yield from model("teacher", JUDGE, tensor_parallel=1, max_model_len=768)
    yield "models.teacher.sampling.max_tokens=192"
    yield from training("sft")
    sizes = {"gsm8k": 24, "instructions": 8} | {**rows}
    for seed, (source, form) in enumerate({"gsm8k": as_gsm8k, "instructions": as_alpaca}.items()):
        yield f"sources.{source}.path={written(folder / source, map(form, problems(sizes[source], seed)))}"
    yield benchmarks(folder, "student_before, student_after, teacher", gsm8k=("test.jsonl", as_gsm8k))


def _second_post(folder: Path, rows: Mapping[str, int]) -> Iterator[str]:
    for role, path in (("teacher", TEACHER), ("judge", JUDGE), ("rewriter", JUDGE)):
        yield from model(role, path, tensor_parallel=1, max_model_len=768)
        yield f"models.{role}.sampling.max_tokens=192"
    yield "models.teacher.pipeline_parallel=1"
    # A model that samples is refused with drafts on CPUs.
    yield "models.rewriter.speculation=null"
    yield "models.judge.engine={}"  # the tiny judge has no thoughts that a parser could set apart
    for kind in ("sft", "cogpo"):
        yield from training(kind)
    student = folder / "student"
    yield f"steps.align_trace.tokenizer={student}"
    yield f"steps.shorten_trace.tokenizer={student}"
    yield "steps.shorten_trace.above=80"  # what is long among traces of fifty tokens
    # The tiny judge never learned to score traces, so select takes one in six.
    sizes = {"r1-math": 64, "r1-code": 16, "r1-science": 32} | {**rows}
    forms = {"r1-math": as_messages, "r1-code": as_columns, "r1-science": as_sharegpt}
    for seed, (source, form) in enumerate(forms.items()):
        made = map(form, traces(sizes[source], seed, languages=["en"]))
        yield f"sources.{source}.path={written(folder / source, made)}"
    asked = problems(rows.get("v3-problems", 16), 7)
    yield f"sources.v3-problems.path={written(folder / 'v3-problems', map(as_problem, asked))}"
    yield benchmarks(
        folder,
        "student_before, student_after",
        aime_2024=("questions.jsonl", as_problem),
        math_500=("test.jsonl", as_problem),
        gpqa_diamond=("questions.jsonl", as_gpqa),
        mmlu_pro=("questions.jsonl", as_mmlu_pro),
    )


def benchmarks(folder: Path, models: str, **data: tuple[str, Callable[[Record], Record]]) -> str:
    """The override that asks published benchmarks, each a few questions in the form in which it comes."""
    entries = []
    for seed, (name, (file, form)) in enumerate(data.items()):
        written(folder / "benchmarks" / name / Path(file).stem, map(form, problems(QUESTIONS, 10 + seed, "held_out")))
        few = "samples: 1, max_tokens: 32"
        entries.append(f"{{kind: {name}, data_dir: {folder / 'benchmarks'}, {few}, models: [{models}]}}")
    return f"evaluate=[{', '.join(entries)}]"


def written(stem: Path, records: Iterable[Record]) -> Path:
    path = stem.with_suffix(".jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


def question(record: Record) -> str:
    return record["messages"][0]["content"]


def as_gsm8k(record: Record) -> Record:
    return {"question": question(record), "answer": f"So many.\n#### {record['reference']}"}


def as_alpaca(record: Record) -> Record:
    return {"instruction": question(record), "input": "", "output": ""}


def as_problem(record: Record) -> Record:
    return {"problem": question(record), "answer": record["reference"]}


def as_gpqa(record: Record) -> Record:
    right = int(record["reference"])
    wrong = {f"Incorrect Answer {k}": str(right + 10 * k) for k in (1, 2, 3)}
    return {"Question": question(record), "Correct Answer": str(right), **wrong}


def as_mmlu_pro(record: Record) -> Record:
    right = int(record["reference"])
    places = random.Random(right).sample(range(4), 4)
    options = [str(right + 10 * place) for place in places]
    named = {"question_id": question(record), "question": question(record), "category": "math"}
    return {**named, "options": options, "answer": "ABCD"[places.index(0)]}


def thought(record: Record) -> str:
    return f"<think>\n{record['reasoning']}\n</think>\n\n{record['answer']}"


def as_messages(record: Record) -> Record:
    return {
        "messages": [*record["messages"], {"role": "assistant", "content": thought(record)}],
        "reference": record["reference"],
    }


def as_sharegpt(record: Record) -> Record:
    turns = [{"from": "human", "value": question(record)}, {"from": "gpt", "value": thought(record)}]
    return {"conversations": turns, "expected_answer": record["reference"]}


def as_columns(record: Record) -> Record:
    """Without a reference, as traces about code often come: the checker decides."""
    return {"problem": question(record), "reasoning_content": record["reasoning"], "response": record["answer"]}
