"""The plan: the stages of a recipe on a given cluster, what is resident when, and whether it fits.

Consecutive row steps share a phase as long as all their models fit on the cluster together: rows then pass through all
of them in one go, and a model with several roles is loaded once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distilray.errors import counted
from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.planning.decontamination import questions_identity, with_questions
from distilray.planning.evaluations import evaluation_problems
from distilray.planning.filling import filled
from distilray.planning.identity import step_identity
from distilray.planning.residency import (
    Available,
    comes,
    described,
    fit_together,
    grouped,
    needs,
    runner_cpus,
)
from distilray.planning.stages import BodyStage, RepeatStage, Stage, TrainingStage
from distilray.planning.students import student_problems
from distilray.planning.trainings import training_problems
from distilray.recipe import Problem, Recipe, RepeatEntry, StepEntry, TrainEntry
from distilray.runner import GlobalStage, Phase
from distilray.steps import Step


@dataclass(frozen=True)
class Plan:
    columns: Mapping[str, str]
    """Every column beyond the core that rows may have."""
    stages: tuple[Stage, ...]
    grouping: tuple[tuple[str, ...], ...]
    """Names of the steps of each stage, in order; a resumed run keeps it."""
    fingerprint: str = ""
    """Of the rows that the last stage keeps."""

    def phases(self) -> list[Phase]:
        return [stage for stage in self.flat() if isinstance(stage, Phase)]

    def flat(self) -> list[BodyStage]:
        flat: list[BodyStage] = []
        for stage in self.stages:
            flat.extend(stage.body if isinstance(stage, RepeatStage) else [stage])
        return flat


def plan(
    recipe: Recipe,
    sources: str,
    available: Available,
    grouping: Sequence[Sequence[str]] | None = None,
    data: bool = True,
) -> Plan:
    """Stages of ``recipe``, whose rows have the fingerprint ``sources``.

    ``data``: whether the benchmarks' questions are here; where they are only on the cluster, fingerprints of steps that
    read them say nothing. ``grouping``: the phases of an earlier session of the run; it is kept where it still fits, so
    that a run that moves to a bigger cluster does not begin again. Raises :class:`RecipeError` if a model, a training
    or the models of a benchmark do not fit even alone, neither on what is there nor on what an autoscaler may bring
    (:func:`not_there_yet` says what has to come), or a student cannot be trained under its chat template.
    """
    problems = [*student_problems(recipe), *training_problems(recipe, available)]
    if problems := [*problems, *evaluation_problems(recipe, available)]:
        raise recipe.error(problems)
    columns = all_columns(recipe)
    planner = _Planner(recipe, available, columns, {tuple(group) for group in grouping or ()}, data)
    stages, left = planner.stages(
        recipe.steps, "steps/", fingerprint([sources, recipe.seed, recipe.resources.unit_rows])
    )
    groups = tuple(
        tuple(named.name for named in stage.steps) if isinstance(stage, Phase) else (stage.name,) for stage in stages
    )
    return Plan(columns, tuple(stages), groups, left)


def all_columns(recipe: Recipe) -> dict[str, str]:
    """Columns beyond the core, of sources and steps, with their type names."""
    columns: dict[str, str] = {}
    for source in recipe.sources:
        columns.update(source.columns_written())
    for entry in recipe.all_steps():
        columns.update(entry.named.step.columns_written())
    return columns


class _Planner:
    def __init__(
        self,
        recipe: Recipe,
        available: Available,
        columns: Mapping[str, str],
        grouping: set[tuple[str, ...]],
        data: bool,
    ) -> None:
        self.data = data
        self.recipe, self.available, self.columns, self.grouping = recipe, available, columns, grouping
        self.models = recipe.all_models()

    def stages(
        self, entries: Sequence[StepEntry | TrainEntry | RepeatEntry], folder: str, before: str
    ) -> tuple[list[Stage], str]:
        """The stages of ``entries``, in directories ``folder`` + number, and the fingerprint of the rows that they
        keep. ``before``: that of the rows that enter."""
        stages: list[Stage] = []
        row_steps: list[StepEntry] = []
        for entry in [*entries, None]:
            if isinstance(entry, StepEntry) and not entry.is_global:
                row_steps.append(entry)
                continue
            for group in self._groups(row_steps):
                stages.append(phase := self._phase(group, f"{folder}{len(stages) + 1:02d}-", before))
                before = phase.fingerprint
            row_steps = []
            if isinstance(entry, RepeatEntry):
                repeat, before = self._repeat(entry, f"{folder}{len(stages) + 1:02d}-", before)
                stages.append(repeat)
            elif entry is not None:
                stage = self._single(entry, f"{folder}{len(stages) + 1:02d}-", before)
                stages.append(stage)
                before = stage.fingerprint
        return stages, before

    def _groups(self, steps: Sequence[StepEntry]) -> list[list[StepEntry]]:
        """``steps`` cut into phases whose models fit together."""

        def earlier(rest: Sequence[StepEntry]) -> int | None:
            known = [group for group in self.grouping if tuple(entry.name for entry in rest[: len(group)]) == group]
            if not known:
                return None
            may = (group for group in known if self._fits(rest[: len(group)]) or self._comes(rest[: len(group)]))
            return next((len(group) for group in may), 1)

        groups = list(grouped(steps, self._share, earlier))
        for group in groups:
            if not self._fits(group) and not self._comes(group):
                raise self.recipe.error([self._too_big(group[0])])
        return groups

    def _models_of(self, entries: Sequence[StepEntry]) -> dict[str, ModelSettings]:
        names: set[str] = set()
        for entry in entries:
            if isinstance(entry.named.step, Step):
                for chosen in entry.named.step.models_used().values():
                    names |= chosen
        return {name: self.models[name] for name in sorted(names)}

    def _fits(self, entries: Sequence[StepEntry]) -> bool:
        return fit_together(self._models_of(entries), self.recipe.resources, self.available)

    def _share(self, entries: Sequence[StepEntry]) -> bool:
        """Whether steps share a phase: their models fit together, or one of them needs them all anyway."""
        most = max(len(self._models_of([entry])) for entry in entries)
        return self._fits(entries) or (self._comes(entries) and len(self._models_of(entries)) == most)

    def _comes(self, entries: Sequence[StepEntry]) -> bool:
        return comes(self._models_of(entries), self.recipe.resources, self.available)

    def _too_big(self, entry: StepEntry) -> Problem:
        models = self._models_of([entry])
        need = needs(models)
        detail = ", ".join(f"{name}: {needs({name: model})}" for name, model in models.items())
        return Problem(
            (*entry.place, entry.settings_key),
            f"step {entry.name!r} cannot fit: its models need {counted(need['CPU'], 'CPU')} and "
            f"{counted(need['GPU'], 'GPU')} ({detail}) and its runners "
            f"{counted(runner_cpus(models, self.recipe.resources), 'CPU')}, but {described(self.available)}; lower "
            "replicas, cpus or gpus of the models, or add nodes",
        )

    def _phase(self, entries: Sequence[StepEntry], prefix: str, before: str) -> Phase:
        identities = [step_identity(entry, self.models) for entry in entries]
        return Phase(
            directory=prefix + "+".join(entry.name for entry in entries),
            steps=tuple(entry.named for entry in entries),
            models=filled(self._models_of(entries), self.recipe.resources, self.available),
            columns=self.columns,
            fingerprint=fingerprint([before, identities]),
        )

    def _single(self, entry: StepEntry | TrainEntry, prefix: str, before: str) -> GlobalStage | TrainingStage:
        """The stage of a global step or a training."""
        if isinstance(entry, StepEntry):
            asked = questions_identity(self.recipe, entry) if self.data else []
            mark = fingerprint([before, step_identity(entry, self.models), *asked])
            step = with_questions(self.recipe, entry)
            return GlobalStage(directory=prefix + entry.name, step=step, fingerprint=mark)
        settings = entry.settings
        names = {settings.student, *entry.method.models(settings)}
        weights = {name: self.recipe.models[name].weights_id() for name in sorted(names)}
        mark = fingerprint([before, settings.model_dump(mode="json"), weights])
        return TrainingStage(directory=entry.directory, entry=entry, fingerprint=mark)

    def _repeat(self, entry: RepeatEntry, prefix: str, before: str) -> tuple[RepeatStage, str]:
        body, _ = self.stages(entry.body, "", before)
        settings = entry.settings
        stage = RepeatStage(
            directory=prefix + entry.name,
            rounds=settings.rounds,
            carry_over=settings.carry_over,
            until_rows=settings.until.rows,
            until_mean=settings.until.mean,
            stall=entry.stall,
            body=tuple(inner for inner in body if not isinstance(inner, RepeatStage)),
        )
        written = settings.model_dump(mode="json", exclude={"steps"})
        return stage, fingerprint([[inner.fingerprint for inner in stage.body], written])
