"""The benchmarks of a recipe: each model answers through an engine pool, as rows pass through any step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from distilray.checkpoints import checkpoint_address
from distilray.driver.residents import Residents, asked_by
from distilray.driver.trainings import Students
from distilray.evaluate import (
    DIRECTORY,
    STUDENT_AFTER,
    STUDENT_BEFORE,
    Benchmark,
    Conditions,
    Evaluation,
    Result,
    Style,
    conditions_of,
    place_of,
    publish,
    result_line,
    write_evaluation,
)
from distilray.ledger import UnitInput, fingerprint
from distilray.models import ModelSettings, VLLMModel
from distilray.planning import evaluation_phase, side_by_side, with_room
from distilray.recipe import Recipe
from distilray.runner import Context, Phase, run_phase, run_sources, sources_identity
from distilray.sources import list_files


@dataclass(frozen=True)
class _Evaluation:
    benchmark: Benchmark
    model: str
    phase: Phase
    units: list[tuple[str, UnitInput]]
    conditions: Conditions


def run_evaluations(
    context: Context,
    recipe: Recipe,
    students: Students,
    residents: Residents,
    on_stage: Callable[[str, str], None],
) -> list[Result]:
    """All results, measured now or earlier; after a training always of the exported student.

    Engines that fit at the same time start together, as far as they do not run already: on a small machine, starting
    them takes most of the time.
    """
    there = [_in_room(item, recipe, residents) for item in _evaluations(context, recipe, students)]
    waiting = {item.phase.directory: item for item in there}
    phases = [item.phase for item in waiting.values()]
    results = []
    left = list(phases)
    for group in side_by_side(phases, recipe.resources, residents.available):
        left = left[len(group) :]
        residents.ahead = asked_by(left, recipe)
        group = residents.filled(group)
        pools = residents.for_phases(group)
        for phase in group:
            on_stage(phase.directory, "started")
            item = waiting[phase.directory]
            answered = [unit for _, unit in run_phase(context, phase, item.units, pools)]
            result, evaluation = _measured(context, item, answered)
            result.fingerprint = phase.fingerprint
            result.conditions = item.conditions
            results.append(publish(context.store, phase.directory, answered, result, evaluation))
            on_stage(phase.directory, "done")
        residents.release_unused()
    return results


def _in_room(item: _Evaluation, recipe: Recipe, residents: Residents) -> _Evaluation:
    """With fewer engines where a model and its judges, each of which may fill the cluster, do not fit together."""
    models = with_room(item.phase.models, recipe.resources, residents.available)
    return replace(item, phase=replace(item.phase, models=models))


def _measured(context: Context, item: _Evaluation, answered: list[UnitInput]) -> tuple[Result, Evaluation | None]:
    """The result; of a benchmark with several metrics the evaluation too, which is written."""
    benchmark = item.benchmark
    evaluation = benchmark.evaluation(context.store, answered, item.model)
    if evaluation is None:
        return benchmark.result(context.store, answered, item.model), None
    write_evaluation(context.store, item.phase.directory, evaluation)
    return result_line(evaluation, benchmark.name, benchmark.metric), evaluation


def _evaluations(context: Context, recipe: Recipe, students: Students) -> Iterator[_Evaluation]:
    for benchmark in recipe.evaluate:
        source = benchmark.questions().anchored()
        known = benchmark.questions_id()
        read = sources_identity([source], [list_files(source)]) if known is None else known
        questions = fingerprint([read, benchmark.limit])
        asked = {name: _who(context, recipe, students, name) for name in benchmark.models}
        steps = {name: benchmark.step(name, style) for name, (_, style) in asked.items()}
        columns = {name: kind for step in steps.values() for name, kind in step.columns_written().items()}
        columns |= source.columns_written()
        rows = benchmark.unit_rows(context.resources.rows_per_unit)
        sized = replace(context, resources=context.resources.model_copy(update={"unit_rows": rows}))
        units = run_sources(
            sized, [source], questions, columns, benchmark.limit, directory=f"benchmarks/{benchmark.name}"
        )
        for name, (settings, _) in asked.items():
            folder = f"{DIRECTORY}/{name}/{benchmark.name}"
            settings = benchmark.asked_of(settings)
            phase = evaluation_phase(recipe, name, settings, benchmark, steps[name], folder, questions)
            conditions = conditions_of(
                settings,
                samples=benchmark.samples,
                judges={judge: recipe.models[judge] for judge in sorted(benchmark.judges())},
                seed=recipe.seed,
                prompts={prompt.name: prompt.hash for prompt in steps[name].prompts_used()},
                benchmark=place_of(benchmark) | benchmark.model_dump(mode="json"),
                questions=questions,
            )
            yield _Evaluation(benchmark, name, phase, units, conditions)


def _who(context: Context, recipe: Recipe, students: Students, name: str) -> tuple[ModelSettings, Style]:
    """The model that a benchmark refers to by name, and how it is asked.

    A student is asked as it was trained and will be served: its own system prompt and the question.
    """
    models = recipe.models
    if name not in (STUDENT_BEFORE, STUDENT_AFTER):
        plain = any(training.settings.student == name for training in recipe.all_trainings())
        return models[name], ("plain" if plain else "answer")
    assert students.name is not None and students.last is not None
    student = models[students.name]
    assert isinstance(student, VLLMModel)
    changes: dict[str, object] = {"system": students.system or student.system}
    if name == STUDENT_AFTER:
        changes["path"] = checkpoint_address(context.store, students.last)
    return student.model_copy(update=changes), "plain"
