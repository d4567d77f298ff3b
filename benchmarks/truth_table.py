"""What the checks of the data steps are worth where the truth is known: one table.

    python -m benchmarks.truth_table [--rows 1200] [--planted 800]

Measured in the practice world, on its tiny models, over problems whose operands none of them has met:

judge        half of the answers are wrong by construction; does the judge, without a reference, find which?
difficulty   what is truly hard for a student that has learned for a while is known from eight sampled answers of its
             own, compared with the truth: how many of the rows selected by difficulty are hard, and how many of all?
rewrites     right solutions, too terse or too wordy, are rewritten: how many of those that are taken are still right?

Planted: a server on loopback says good and bad replies that are written down; language, task, near-copy, grounding and
boilerplate are checked. These figures say what checks do with such replies (and with a checker that is always right
where they ask one), not what models write.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record as results
from benchmarks.claims.problems import write_records
from benchmarks.claims.trainings import RESOURCES, sft
from benchmarks.observing_steps import StudentSamples
from benchmarks.planted.boilerplate import ABOVE, Boilerplate
from benchmarks.planted.created import Created
from benchmarks.planted.follow_ups import FollowUps
from benchmarks.planted.server import Asked, serving
from distilray.practice.arithmetic import draw_problem, record
from distilray.practice.worked import medium
from distilray.verifiers import numeric_equal

CHECKPOINTS = "package://distilray.practice/checkpoints"
KEPT = {"truth_rating": "string", "truth_right": "bool", "truth_result": "string"}
LESSONS, LESSON_STEPS, LESSON_RATE = 4000, 450, 3e-3
"""With these the student answers two problems in three; after 350 steps one in ten."""
HARDEST = 0.1
"""Share of the rows that is selected by difficulty."""
SOUND_AT = 5
"""Accuracy from which on the judge calls an answer right."""

Rows = list[dict[str, Any]]


def main() -> None:
    parser = results.command_line(__doc__, "truth_table.json")
    parser.add_argument("--rows", type=int, default=1200, help="problems of the practice world")
    parser.add_argument("--planted", type=int, default=800, help="rows with planted replies, of each kind")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--directory", type=Path, help="keep the runs here; default: a temporary folder")
    options = parser.parse_args()
    results.share_imports()
    with tempfile.TemporaryDirectory(prefix="distilray-truth-") as temporary:
        folder = options.directory or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = measure(folder, options.rows, options.planted, options.seed)
    results.write(options.out, figures)
    print(table(figures))


def measure(folder: Path, rows: int, planted: int, seed: int) -> dict[str, Any]:
    from distilray.runner import cluster

    with cluster(dr.Resources()):
        found = {"rows": rows, "planted_rows": planted, "seed": seed, "planted": planted_checks(folder, planted)}
        return found | {"measured": practice_world(folder, rows, seed)} if rows else found


# The practice world


def practice_world(folder: Path, rows: int, seed: int) -> dict[str, Any]:
    recipe = practice_recipe(write_answers(folder, rows, seed), partly_taught(folder, seed))
    run = dr.run(recipe, directory=str(folder / "practice"))
    judged = run.table("judge", outcome=None).to_pylist()
    scored = run.table("StudentSamples", outcome=None).to_pylist()
    rewritten = run.table("align_trace", outcome=None).to_pylist()
    return {"judge": agreement(judged), "difficulty": hardness(scored), "rewrites": preservation(rewritten)}


def partly_taught(folder: Path, seed: int) -> str:
    """The checkpoint of a student to which some problems are hard and some are not: the packaged ones can do nothing
    yet, or everything."""
    rng = random.Random(f"truth-table-{seed}")
    drawn = [draw_problem(rng, "train") for _ in range(LESSONS)]
    lessons = [{**record(problem), "answer": medium(problem).text} for problem in drawn]
    path = write_records(folder / "lessons.jsonl", lessons)
    taught = dr.run(
        dr.Recipe(
            name="student",
            models={"student": dr.VLLMModel(path=f"{CHECKPOINTS}/student_warm")},
            sources=[dr.Source(name="lessons", path=str(path))],
            train=[dr.TrainEntry(settings, RESOURCES) for settings in sft(LESSON_STEPS, LESSON_RATE, seed=seed)],
        ),
        directory=str(folder / "student"),
    )
    if taught.student is None:
        raise RuntimeError(f"{taught.directory}: no student was trained")
    return str(taught.student)


def write_answers(folder: Path, rows: int, seed: int) -> dr.Source:
    """Problems with solutions of which half are wrong; the reference is kept from everybody."""
    from distilray.practice import traces

    path = folder / "answers.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for made in traces(rows, seed, wrong=0.5, column="answer", split="held_out"):
            truth = {"truth_result": made.pop("reference")}
            file.write(json.dumps(made | truth, ensure_ascii=False) + "\n")
    return dr.Source(name="answers", path=str(path), keep=KEPT)


def practice_recipe(source: dr.Source, student: str) -> dr.Recipe:
    def tiny(path: str, **settings: Any) -> dr.VLLMModel:
        common: dict[str, Any] = {"max_num_seqs": 128, "max_model_len": 768, "cpus": 0.4}
        return dr.VLLMModel(path=path, **common, **settings)

    return dr.Recipe(
        name="truth-table",
        models={
            "teacher": tiny(f"{CHECKPOINTS}/teacher", sampling=dr.Sampling(max_tokens=128)),
            "judge": tiny(f"{CHECKPOINTS}/judge", sampling=dr.Sampling(max_tokens=192)),
            "student": tiny(student, sampling=dr.Sampling(max_tokens=128)),
        },
        sources=[source],
        steps=[
            dr.steps.Judge(model="judge"),
            dr.steps.ScoreDifficulty(student="student", teacher="teacher", judge="judge"),
            StudentSamples(model="student", samples=8),
            dr.steps.AlignTrace(judge="judge", rewriter="judge", checker="judge", max_rounds=3),
        ],
        resources=dr.Resources(unit_rows=128),
    )


def agreement(rows: Rows) -> dict[str, Any]:
    """Of the judge's verdicts with the truth."""
    judged = [row for row in rows if row["accuracy"] is not None]

    def agreed(some: Rows) -> float | None:
        return share([(row["accuracy"] >= SOUND_AT) == row["truth_right"] for row in some])

    return {
        "rows": len(rows),
        "not_judged": len(rows) - len(judged),
        "agreement": agreed(judged),
        "of_right_answers": agreed([row for row in judged if row["truth_right"]]),
        "of_wrong_answers": agreed([row for row in judged if not row["truth_right"]]),
    }


def hardness(rows: Rows) -> dict[str, Any]:
    """Truly hard rows, those that the student answers wrongly more often than rightly, among the selected and among
    all."""
    from tests.support.sets import Decided

    scored = [row for row in rows if row["difficulty"] is not None and row["samples"]]
    hard = {row["id"]: right_share(row) < 0.5 for row in scored}
    columns = {"difficulty": "float"}
    wanted = ("id", "source", "language", "task", "difficulty")
    given = [{name: row[name] for name in wanted} for row in scored]
    kept = Decided(dr.steps.Select(by="difficulty", share=HARDEST), given, columns).kept
    return {
        "rows": len(scored),
        "selected": len(kept),
        "hard_among_selected": share([hard[name] for name in kept]),
        "hard_among_random": share(list(hard.values())),
        "hard_rows_found": share([name in kept for name, is_hard in hard.items() if is_hard]),
    }


def right_share(row: Mapping[str, Any]) -> float:
    return sum(bool(numeric_equal(text, row["truth_result"]).right) for text in row["samples"]) / len(row["samples"])


def preservation(rows: Rows) -> dict[str, Any]:
    """Of solutions that were right when they came: what became of them where they were rewritten."""
    right = [row for row in rows if row["truth_right"] and row["rewrites"]]
    attempts = [rewrite for row in right for rewrite in row["rewrites"]]
    taken = [row for row in right if row["outcome"] == "kept"]
    return {
        "right_solutions_rewritten": len(right),
        "rewrites": len(attempts),
        "rewrites_not_refused_for_their_answer": share([": wrong answer" not in rewrite for rewrite in attempts]),
        "taken": len(taken),
        "answers_preserved_among_taken": share(
            [bool(numeric_equal(row["answer"], row["truth_result"]).right) for row in taken]
        ),
    }


def share(flags: list[bool]) -> float | None:
    return round(sum(flags) / len(flags), 4) if flags else None


# Planted replies


def planted_checks(folder: Path, rows: int) -> dict[str, dict[str, float]]:
    """Recall and false alarms by check."""
    created, follow_ups, boilerplate = Created(rows), FollowUps(rows), Boilerplate(max(1000, 2 * rows))

    def say(asked: Asked) -> str:
        return (asked.body["model"] == "created" and created.say(asked)) or follow_ups.say(asked)

    with serving(say) as url:
        expand = dr.steps.Expand(model="created", checker="created", n=5)
        expanded = passed(folder, "created", created.records(), expand, url)
        follow = dr.steps.FollowUp(model="follow_ups", checker="follow_ups", turns=1, tries=1)
        followed = passed(folder, "follow_ups", follow_ups.records(), follow, url)
    search = dr.steps.FindBoilerplate(above=ABOVE, then="mark")
    marked = passed(folder, "boilerplate", boilerplate.records(), search)
    return created.figures(expanded) | follow_ups.figures(followed) | boilerplate.figures(marked)


def passed(folder: Path, name: str, records: Rows, step: dr.Step | dr.GlobalStep, url: str | None = None) -> Rows:
    """The rows that ``step`` keeps of ``records``; its models are at ``url`` under ``name``."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), "utf-8")
    models = {name: dr.OpenAIModel(base_url=url, model=name, structured="vllm")} if url is not None else {}
    source = dr.Source(name=name, path=str(path), keep={"planted": "string"} if url is None else {})
    recipe = dr.Recipe(name=name, models=models, sources=[source], steps=[("checked", step)])
    return dr.run(recipe, directory=str(folder / f"run-{name}")).table("checked").to_pylist()


def table(figures: Mapping[str, Any]) -> str:
    lines = []
    if measured := figures.get("measured"):
        judge, hard, rewrites = measured["judge"], measured["difficulty"], measured["rewrites"]
        lines += [
            f"measured in the practice world, {figures['rows']} problems",
            f"  judge agrees with the truth            {judge['agreement']:.3f}  "
            f"(right answers {judge['of_right_answers']:.3f}, wrong ones {judge['of_wrong_answers']:.3f})",
            f"  hard rows among the selected {HARDEST:.0%}       {hard['hard_among_selected']:.3f}  "
            f"(among random ones {hard['hard_among_random']:.3f}; it has {hard['hard_rows_found']} of all hard rows)",
            f"  answers preserved by rewrites taken    {rewrites['answers_preserved_among_taken']}  "
            f"({rewrites['taken']} of {rewrites['right_solutions_rewritten']} right solutions)",
        ]
    lines += [
        f"planted, {figures['planted_rows']} rows (what checks do with these replies, not what models write)",
        f"  {'check':<26}{'planted':>8}{'recall':>8}{'good':>8}{'false alarms':>14}",
    ]
    lines += [
        f"  {name:<26}{found['planted']:>8}{found['recall']:>8.3f}{found['good']:>8}{found['false_alarms']:>14.4f}"
        for name, found in figures["planted"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
