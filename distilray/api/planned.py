"""Planning from Python: what a recipe needs, before anything starts.

planned = dr.plan("jobs/recipes/quickstart.yaml", machine="8x80")
print(planned)                 # stages, models and trainings with what they need, as `distilray plan` shows them
planned.phases()[0].models     # resident together in the first phase
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.console import Console, RenderableType

from distilray.planning import Available, Plan, Stage, parse_machines, survey_rows, this_machine
from distilray.planning import plan as plan_stages
from distilray.recipe import Recipe, RecipeLike, as_recipe
from distilray.report import plan_view, stdout
from distilray.runner import Phase
from distilray.sources import SourceSurvey


@dataclass(frozen=True)
class PlannedRecipe:
    """A recipe's plan on a machine. ``str`` and :meth:`show` read its sources, which must be what a run takes."""

    recipe: Recipe
    machine: Available
    plan: Plan

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Phases, global steps, trainings among the steps and repeats, in order."""
        return self.plan.stages

    def phases(self) -> list[Phase]:
        """The phases, those of repeats included, in order."""
        return self.plan.phases()

    @cached_property
    def sources(self) -> list[SourceSurvey]:
        """What each source holds; its files are read through once. Raises ``SourceError`` for a source, and
        ``RecipeError`` for a step that reads what no row has: what a run would refuse."""
        return survey_rows(self.recipe)

    @property
    def rows(self) -> int:
        """Usable rows of all sources together."""
        return sum(source.usable for source in self.sources)

    def view(self) -> RenderableType:
        """The plan for a rich console."""
        return plan_view(self.recipe, self.plan, self.machine, self.sources)

    def show(self, console: Console | None = None) -> None:
        """Prints the plan."""
        (console or stdout()).print(self.view())

    def __str__(self) -> str:
        console = stdout()
        with console.capture() as text:
            console.print(self.view())
        return text.get()


def plan(recipe: RecipeLike, machine: str | Available | None = None, overrides: Sequence[str] = ()) -> PlannedRecipe:
    """The plan of ``recipe`` (its path or URI, its sections, or itself) on ``machine``; nothing is started.

    ``machine``: GPUs x GiB (``"8x80"``), nodes x GPUs x GiB (``"2x8x80"``), each with more of what is known
    (``"2x8x80,host=1500,storage=2"``), or what a cluster has; default: this machine. Raises :class:`RecipeError` if the
    recipe is wrong or does not fit, :class:`ValueError` for another ``machine``.
    """
    recipe = as_recipe(recipe, overrides)
    if machine is None:
        machine = this_machine(recipe.resources.num_cpus)
    elif isinstance(machine, str):
        machine = parse_machines(machine)
    return PlannedRecipe(recipe, machine, plan_stages(recipe, "plan", machine))
