"""Real instructions in both languages through every step of the DistilQwen2 recipe, killed inside every one of them.

    python -m benchmarks.distilqwen2_real_input --data DIR [--share 0.1]

DIR holds ``instructions/`` and ``tokenizer/qwen2.5``. More than 5,000 rows of seven collections, and blank ones, are
synthesized, deduplicated, decontaminated, classified, scored, selected, balanced and filled up in rounds (localize,
expand), refined, answered, chosen, followed up, rewritten, searched for boilerplate and verified; two trainings learn
from what is left. The student is a random Qwen2 under the real tokenizer; teachers, judges and checkers are planted
on a server on loopback (see benchmarks/planted/anything.py), which says the same to the same request.

The recipe is run twice: undisturbed, and with the driver killed (SIGKILL) once inside every stage, each round of the
repeat included, and started again each time. Then: the ledger reconciles, created rows included; every record of the
sources is in exactly one row; both runs end with the same rows; no unit of a phase that was there at a kill was
written again; and no more was asked twice than was in flight at the kills.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record
from benchmarks.killed import finish, start
from benchmarks.killed_everywhere import run_through_kills
from benchmarks.planted.anything import Anything
from benchmarks.planted.server import serving
from benchmarks.random_model import random_model
from distilray.ledger import reconcile
from distilray.steps import ModelChoice

FIELDS = ("rows_in", "created", "kept", "rejected", "failed")
LIMITS = {
    "gsm8k": 2000, "cmath": 600, "gpteacher": 1200, "zh_supplement": 1400, "sharegpt_zh_1k": 500,
    "self_instruct_seeds": 175, "belle_zh_seeds": 175, "own": 60,
}  # fmt: skip
QUESTIONS = 50
"""Questions of gsm8k that the students are asked, and that must not be among the rows."""
IN_FLIGHT = 64
"""Requests that the endpoint has at once."""


def main() -> None:
    parser = record.command_line(__doc__, "distilqwen2_real_input.json")
    parser.add_argument("--data", type=Path, required=True, help="folder with instructions/ and tokenizer/")
    parser.add_argument("--share", type=float, default=1.0, help="share of the rows, for a trial")
    parser.add_argument("--directory", type=Path, help="keep everything here; default: a temporary folder")
    options = parser.parse_args()
    limits = {name: max(4, int(limit * options.share)) for name, limit in LIMITS.items()}
    with tempfile.TemporaryDirectory(prefix="distilray-real-") as temporary:
        folder = options.directory or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = measure(folder, options.data.resolve(), limits)
    record.write(options.out, figures)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if figures["problems"]:
        sys.exit(1)


def measure(folder: Path, data: Path, limits: dict[str, int]) -> dict[str, Any]:
    random_model("64k", folder / "model", tokenizer=data / "tokenizer" / "qwen2.5")
    quiet, disturbed = Anything(), Anything()
    with serving(quiet.say) as url:
        seconds = undisturbed(write_recipe(folder, "whole", data, limits, url), folder / "whole")
    with serving(disturbed.say) as url:
        recipe = write_recipe(folder, "killed", data, limits, url)
        kills, again, killed_seconds = run_through_kills(recipe, str(folder / "killed"), folder / "killed.log")
    whole, killed = (dr.open_run(folder / name) for name in ("whole", "killed"))
    differing = rows_that_differ(whole, killed)
    most = len(kills) * IN_FLIGHT
    problems = [
        *account(whole), *account(killed),
        *([f"{again} units of phases were written again"] if again else []),
        *([f"{differing} rows differ from the undisturbed run"] if differing else []),
        *([f"{disturbed.asked_again} requests were asked again"] if disturbed.asked_again > most else []),
    ]  # fmt: skip
    return {
        "limits": limits,
        "rows": whole.table("sources", ["id"], outcome=None).num_rows,
        "seconds": seconds,
        "killed_seconds": killed_seconds,
        "requests": quiet.requests,
        "requests_in_the_killed_run": disturbed.requests,
        "asked_again": disturbed.asked_again,
        "rows_that_differ": differing,
        "units_written_again": again,
        "kills": [kill.to_json() for kill in kills],
        "steps": [
            {"name": name, **{field: getattr(counts, field) for field in FIELDS}}
            | {"reasons": dict(list(counts.reasons.items())[:6])}
            for name, counts in killed.outcomes.items()
        ],
        "problems": problems,
    }


def undisturbed(recipe: Path, run: Path) -> float:
    began = time.monotonic()
    finish(start(recipe, str(run), run.with_suffix(".log")), run.with_suffix(".log"))
    return round(time.monotonic() - began, 1)


def write_recipe(folder: Path, name: str, data: Path, limits: dict[str, int], url: str) -> Path:
    place = folder / f"{name}.yaml"
    place.write_text(recipe_of(folder / "model", data / "instructions", limits, url).to_yaml(), "utf-8")
    return place


def recipe_of(model: Path, instructions: Path, limits: dict[str, int], url: str) -> dr.Recipe:
    common: dict[str, Any] = {
        "path": str(model), "dtype": "float32", "cpus": 0.5, "threads": 2, "max_num_seqs": 64, "max_model_len": 2048,
    }  # fmt: skip
    planted: dict[str, Any] = {"base_url": url, "structured": "vllm", "concurrency": IN_FLIGHT // 2}
    training: dict[str, Any] = {
        "student": "student", "max_steps": 12, "batch_size": 8, "micro_batch_size": 2, "max_length": 512,
        "long_rows": "truncate", "learning_rate": 1e-4, "precision": "fp32", "save_every": 4,
    }  # fmt: skip
    resources = dr.train.TrainResources(workers=1, cpus_per_worker=0.75)
    asked = gsm8k(instructions).model_copy(update={"name": "gsm8k-questions", "limit": QUESTIONS})
    return dr.Recipe(
        name="distilqwen2-real-input",
        models={
            "teacher_en": dr.OpenAIModel(model="planted-en", **planted),
            "teacher_zh": dr.OpenAIModel(model="planted-zh", **planted),
            "student": dr.VLLMModel(
                **common, sampling=dr.Sampling(max_tokens=48, temperature=0.0, stop=(".", "。", "e"))
            ),
        },
        sources=sources(instructions, limits),
        steps=[
            *steps(str(model), sum(limits.values())),
            dr.TrainEntry(dr.train.SFTSettings(name="sft", **training), resources),
            dr.steps.PreferencePairs(model="sft", samples=2, checker=of_language()),
        ],
        train=[dr.TrainEntry(dr.train.DPOSettings(name="dpo", start_from="sft", **training), resources)],
        evaluate=[dr.Questions(name="gsm8k", source=asked, models=("student_before", "student_after"))],
        budget=dr.Budget(failed_share=1.0),
        resources=dr.Resources(unit_rows=256, memory_limit_gib=0.5),
    )


def of_language() -> ModelChoice:
    return ModelChoice(by="language", choose={"zh": "teacher_zh"}, otherwise="teacher_en")


def steps(student: str, rows: int) -> list[Any]:
    """The steps of the recipe; ``rows``: about as many as come in, so that the balance finds too few of them."""
    made, teacher = dr.steps, of_language()
    of_the_other = ModelChoice(by="language", choose={"en": "teacher_zh"}, otherwise="teacher_en")
    fill = dr.Repeat(
        name="fill",
        rounds=2,
        carry_over="kept",
        steps=(
            made.Balance(languages=("en", "zh"), rows=rows, by="difficulty", short="expand", most_new=rows // 12),
            made.Localize(model=of_the_other, into={"en": "zh", "zh": "en"}, checker=of_the_other),
            made.Expand(model=teacher, n=2, checker=teacher),
        ),
    )
    return [
        made.Synthesize(model="student", tokenizer=student, judge=teacher, checker=teacher, tries=1),
        made.Deduplicate(sources=("gsm8k", "cmath")),
        made.Decontaminate(),
        made.ClassifyTask(model=teacher, keep_given=True),
        made.ScoreDifficulty(student="student", teacher=teacher, judge=teacher, style="by_task"),
        made.Select(by="difficulty", share=0.8),
        fill,
        made.Refine(model=teacher, checker=teacher),
        ("deduplicate_again", made.Deduplicate()),
        ("decontaminate_again", made.Decontaminate()),
        ("balance_at_last", made.Balance(languages=("en", "zh"), lengths={"mean": 40, "deviation": 1.0, "tail": 0.05})),
        made.Answer(model=teacher, n=2, style="by_task"),
        made.BestAnswer(checker=teacher, at_least=1),
        made.FollowUp(model=teacher, checker=teacher, turns=2, share=0.3, style="by_task"),
        made.Rewrite(model="teacher_en", checker=teacher, student="student", tokenizer=student),
        made.FindBoilerplate(above=0.05),
        made.VerifyQuality(model=teacher, answer_at=7),
    ]


def gsm8k(instructions: Path) -> dr.Source:
    return dr.Source(
        name="gsm8k",
        path=str(instructions / "gsm8k" / "*.jsonl"),
        columns={"instruction": "question", "answer": "answer"},
        reference_pattern="#### (.+)$",
        task="math",
    )


def sources(instructions: Path, limits: dict[str, int]) -> list[dr.Source]:
    """Answers and references are dropped: the teachers answer, and nobody knows what is right."""
    files: dict[str, dict[str, Any]] = {
        "gsm8k": {"path": "gsm8k/*.jsonl", "columns": {"instruction": "question"}, "task": "math"},
        "cmath": {"path": "cmath/*.jsonl", "columns": {"instruction": "input"}, "task": "math"},
        "gpteacher": {"path": "gpteacher/*.json", "form": "alpaca", "columns": {"answer": "response"}},
        "zh_supplement": {"path": "zh_supplement/*.json", "form": "alpaca"},
        "sharegpt_zh_1k": {"path": "sharegpt_zh_1k/sharegpt*.jsonl", "form": "sharegpt"},
        "self_instruct_seeds": {"path": "self_instruct_seeds/*.jsonl"},
        "belle_zh_seeds": {"path": "belle_zh_seeds/*.json"},
    }
    read = [
        dr.Source(name=name, limit=limits[name], answers="drop", **{**entry, "path": str(instructions / entry["path"])})
        for name, entry in files.items()
    ]
    blank = {"rows": limits["own"], "seed": 1, "tasks": ["math", "writing"]}
    return [*read, dr.Source(name="own", uses="distilray.steps:blank_rows", with_=blank)]


def account(run: dr.Run) -> list[str]:
    """Everything that should not be so."""
    sources = run.table("sources", ["id", "outcome"], outcome=None).to_pylist()
    first = run.table("synthesize", ["id"], outcome=None).to_pylist()
    came = Counter(row["id"] for row in first)
    missing = {row["id"] for row in sources if row["outcome"] != "failed"} ^ set(came)
    children = {row["id"] for row in final(run) if row["parent"] is not None}
    created = sum(counts.created for counts in run.outcomes.values())
    name = Path(run.directory).name
    return [
        *([f"{name}: {len(missing)} ids are in the sources or in the steps only"] if missing else []),
        *([f"{name}: ids are there twice"] if max(came.values()) > 1 else []),
        *([f"{name}: {len(children)} created rows are left of {created}"] if len(children) > created else []),
        *([f"{name}: no row was created"] if not children else []),
        *(f"{name}: {problem}" for problem in reconcile(run.store, deep=True).problems),
        *(f"{name}: step {step} does not reconcile" for step, counts in run.outcomes.items() if not counts.reconciled),
        *([f"{name}: {len(run.evaluations)} of 2 evaluations"] if len(run.evaluations) != 2 else []),
    ]


def final(run: dr.Run) -> list[dict[str, Any]]:
    columns = ["id", "parent", "source", "task", "language", "messages", "answer"]
    return run.table("verify_quality", columns).to_pylist()


def rows_that_differ(one: dr.Run, other: dr.Run) -> int:
    """Rows that only one of two runs ends with, or whose texts are not the same."""
    first, second = ({row["id"]: row for row in final(run)} for run in (one, other))
    return sum(first.get(key) != second.get(key) for key in first.keys() | second.keys())


if __name__ == "__main__":
    main()
