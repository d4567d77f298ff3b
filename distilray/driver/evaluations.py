"""The benchmarks of a recipe: each model answers through an engine pool, as rows pass through any step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from distilray.driver.trainings import Students, checkpoint_address
from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, Examine, Result, measured
from distilray.evaluate.results import DIRECTORY, RESULT
from distilray.ledger import fingerprint
from distilray.models import ModelSettings, VLLMModel
from distilray.recipe import Loaded, examination
from distilray.rows import list_files
from distilray.runner import Context, run_phase, run_sources, sources_identity


def run_evaluations(
    context: Context, loaded: Loaded, students: Students, on_stage: Callable[[str, str], None]
) -> list[Result]:
    """All results, measured now or earlier; after a training always of what was exported."""
    results = []
    for benchmark in loaded.recipe.evaluate:
        source = benchmark.source
        files = [list_files(source)]
        questions = fingerprint([sources_identity([source], files), benchmark.limit])
        columns = {**Examine.writes, **source.columns_written()}
        units = run_sources(
            context, [source], questions, columns, benchmark.limit, directory=f"benchmarks/{benchmark.name}"
        )
        for name in benchmark.models:
            settings, style = _who(context, loaded, students, name)
            step = Examine(model=name, style=style, compare=benchmark.compare, samples=benchmark.samples)
            folder = f"{DIRECTORY}/{name}/{benchmark.name}"
            phase = examination(loaded, name, settings, step, folder, questions)
            on_stage(folder, "started")
            examined = run_phase(context, phase, units)
            result = measured(context.store, [unit for _, unit in examined], name, benchmark.name, benchmark.metric)
            result.fingerprint = phase.fingerprint
            context.store.write_json(f"{folder}/{RESULT}", result)
            results.append(result)
            on_stage(folder, "done")
    return results


def _who(
    context: Context, loaded: Loaded, students: Students, name: str
) -> tuple[ModelSettings, Literal["answer", "plain"]]:
    """The model behind a benchmark's name for it, and how it is asked.

    A student is asked as it was trained and will be served: its own system prompt and the question.
    """
    models = loaded.recipe.models
    if name not in (STUDENT_BEFORE, STUDENT_AFTER):
        plain = any(training.settings.student == name for training in loaded.trainings)
        return models[name], ("plain" if plain else "answer")
    assert students.name is not None and students.last is not None
    student = models[students.name]
    assert isinstance(student, VLLMModel)
    changes: dict[str, object] = {"system": students.system or student.system}
    if name == STUDENT_AFTER:
        changes["path"] = checkpoint_address(context.store, students.last)
    return student.model_copy(update=changes), "plain"
