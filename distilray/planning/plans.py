"""The plan: which stages a recipe comes to on a given cluster, what is resident when, and whether it fits.

Consecutive row steps share a phase as long as all their models fit beside each other: rows then pass through all of
them in one go, and a model with several roles is loaded once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.planning.identity import step_identity
from distilray.planning.trainings import training_problems
from distilray.recipe import Loaded, Problem, RecipeError, RepeatEntry, StepEntry, TrainEntry
from distilray.runner import Body, GlobalStage, Phase, Repeat, Resources, Stage, Training, size
from distilray.steps import Step
from distilray.train import method_of


@dataclass(frozen=True)
class Available:
    """What a cluster has, all nodes together."""

    cpus: float
    gpus: float
    memory_gib: float | None = None
    gpu_gib: float | None = None
    """Memory of the smallest GPU; None where it is not known."""


@dataclass(frozen=True)
class Plan:
    columns: Mapping[str, str]
    """Every column beyond the core that rows may have."""
    stages: tuple[Stage, ...]
    grouping: tuple[tuple[str, ...], ...]
    """Names of the steps of each stage, in order; a resumed run keeps it."""
    fingerprint: str = ""
    """Of the rows that the last stage leaves."""

    def phases(self) -> list[Phase]:
        return [stage for stage in self.flat() if isinstance(stage, Phase)]

    def flat(self) -> list[Body]:
        flat: list[Body] = []
        for stage in self.stages:
            flat.extend(stage.body if isinstance(stage, Repeat) else [stage])
        return flat


def plan(
    loaded: Loaded,
    sources: str,
    available: Available,
    grouping: Sequence[Sequence[str]] | None = None,
) -> Plan:
    """Stages of ``loaded``, whose rows have the fingerprint ``sources``.

    ``grouping``: the phases of an earlier session of the run; it is kept where it still fits, so that a run that
    moves to a bigger cluster does not begin again. Raises :class:`RecipeError` where a model, or a training, cannot
    fit at all.
    """
    recipe = loaded.recipe
    if problems := training_problems(loaded, available):
        raise RecipeError(loaded.origin, problems)
    columns = all_columns(loaded)
    planner = _Planner(loaded, available, columns, {tuple(group) for group in grouping or ()})
    before = fingerprint([sources, recipe.seed, recipe.resources.unit_rows])
    stages: list[Stage] = []
    run: list[StepEntry] = []
    for entry in [*loaded.entries, None]:
        if isinstance(entry, StepEntry) and not entry.is_global:
            run.append(entry)
            continue
        for group in planner.groups(run):
            stages.append(planner.phase(group, f"steps/{len(stages) + 1:02d}-", before))
            before = _mark(stages[-1])
        run = []
        if isinstance(entry, StepEntry):
            stages.append(planner.global_pass(entry, f"steps/{len(stages) + 1:02d}-", before))
            before = _mark(stages[-1])
        elif isinstance(entry, TrainEntry):
            stages.append(planner.training(entry, before))
            before = _mark(stages[-1])
        elif isinstance(entry, RepeatEntry):
            repeat = planner.repeat(entry, f"steps/{len(stages) + 1:02d}-", before)
            stages.append(repeat)
            settings = entry.settings.model_dump(mode="json")
            before = fingerprint([[stage.fingerprint for stage in repeat.body], settings])
    groups = tuple(
        tuple(named.name for named in stage.steps) if isinstance(stage, Phase) else (stage.name,) for stage in stages
    )
    return Plan(columns, tuple(stages), groups, before)


def _mark(stage: Stage) -> str:
    assert not isinstance(stage, Repeat)
    return stage.fingerprint


def all_columns(loaded: Loaded) -> dict[str, str]:
    """Columns beyond the core, of sources and steps, with their type names."""
    columns: dict[str, str] = {}
    for source in loaded.recipe.sources:
        columns.update(source.columns_written())
    for entry in loaded.steps():
        columns.update(entry.named.step.columns_written())
    return columns


def needs(models: Mapping[str, ModelSettings]) -> dict[str, float]:
    """CPUs and GPUs that pools of ``models`` reserve together."""
    bundles = [bundle for model in models.values() for bundle in model.bundles() * model.replicas]
    return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in ("CPU", "GPU")}


def fit_together(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> bool:
    """Whether pools of all ``models`` and their row runners can be there at once."""
    need = needs(models)
    runners = size(resources, models, units=1 << 30).runners * resources.runner_cpus
    return need["CPU"] + runners <= available.cpus + 1e-6 and need["GPU"] <= available.gpus + 1e-6


class _Planner:
    def __init__(
        self, loaded: Loaded, available: Available, columns: Mapping[str, str], grouping: set[tuple[str, ...]]
    ) -> None:
        self.loaded, self.available, self.columns, self.grouping = loaded, available, columns, grouping
        self.models = loaded.models()

    def groups(self, run: Sequence[StepEntry]) -> list[list[StepEntry]]:
        """``run`` cut into phases whose models fit beside each other."""
        groups: list[list[StepEntry]] = []
        rest = list(run)
        while rest:
            known = [group for group in self.grouping if tuple(entry.name for entry in rest[: len(group)]) == group]
            count = next((len(group) for group in known if self._fits(rest[: len(group)])), 1)
            if not known:
                while count < len(rest) and self._fits(rest[: count + 1]):
                    count += 1
            if not self._fits(rest[:count]):
                self._refuse(rest[0])
            groups.append(rest[:count])
            rest = rest[count:]
        return groups

    def _models_of(self, entries: Sequence[StepEntry]) -> dict[str, ModelSettings]:
        names: set[str] = set()
        for entry in entries:
            if isinstance(entry.named.step, Step):
                for chosen in entry.named.step.models_used().values():
                    names |= chosen
        return {name: self.models[name] for name in sorted(names)}

    def _fits(self, entries: Sequence[StepEntry]) -> bool:
        return fit_together(self._models_of(entries), self.loaded.recipe.resources, self.available)

    def _refuse(self, entry: StepEntry) -> None:
        models = self._models_of([entry])
        need = needs(models)
        resources = self.loaded.recipe.resources
        runners = size(resources, models, units=1 << 30).runners * resources.runner_cpus
        detail = ", ".join(f"{name}: {needs({name: model})}" for name, model in models.items())
        raise RecipeError(
            self.loaded.origin,
            [
                Problem(
                    (*entry.place, entry.uses),
                    f"step {entry.name!r} cannot fit: its models need {need['CPU']:g} CPUs and {need['GPU']:g} GPUs "
                    f"({detail}) and its runners {runners:g} CPUs, but there are {self.available.cpus:g} CPUs and "
                    f"{self.available.gpus:g} GPUs; lower replicas, cpus or gpus of the models, or add nodes",
                )
            ],
        )

    def phase(self, entries: Sequence[StepEntry], prefix: str, before: str) -> Phase:
        identities = [step_identity(entry, self.models) for entry in entries]
        return Phase(
            directory=prefix + "+".join(entry.name for entry in entries),
            steps=tuple(entry.named for entry in entries),
            models=self._models_of(entries),
            columns=self.columns,
            fingerprint=fingerprint([before, identities]),
        )

    def global_pass(self, entry: StepEntry, prefix: str, before: str) -> GlobalStage:
        return GlobalStage(
            directory=prefix + entry.name,
            step=entry.named,
            fingerprint=fingerprint([before, step_identity(entry, self.models)]),
        )

    def training(self, entry: TrainEntry, before: str) -> Training:
        settings = entry.settings
        names = {settings.student, *method_of(settings).models(settings)}
        weights = {name: self.loaded.recipe.models[name].weights_id() for name in sorted(names)}
        mark = fingerprint([before, settings.model_dump(mode="json"), weights])
        return Training(directory=entry.directory, model=entry.name, entry=entry, fingerprint=mark)

    def repeat(self, entry: RepeatEntry, prefix: str, before: str) -> Repeat:
        body: list[Body] = []
        run: list[StepEntry] = []
        for inner in [*entry.body, None]:
            if isinstance(inner, StepEntry) and not inner.is_global:
                run.append(inner)
                continue
            for group in self.groups(run):
                body.append(self.phase(group, f"{len(body) + 1:02d}-", before))
                before = body[-1].fingerprint
            run = []
            if isinstance(inner, StepEntry):
                body.append(self.global_pass(inner, f"{len(body) + 1:02d}-", before))
                before = body[-1].fingerprint
            elif isinstance(inner, TrainEntry):
                body.append(self.training(inner, before))
                before = body[-1].fingerprint
        settings = entry.settings
        return Repeat(
            directory=prefix + entry.name,
            rounds=settings.rounds,
            carry_over=settings.carry_over,
            until_rows=settings.until.rows,
            until_mean=settings.until.mean,
            stall=entry.stall,
            body=tuple(body),
        )
