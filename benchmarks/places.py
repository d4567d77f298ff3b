"""How busy engines' places are kept where replies take very different times, and what that costs against no overhead.

    python -m benchmarks.places

Echo engines of 256 places each, whose replies take log-normal times (mean 2 s). Each load runs for real on a local
cluster and in the simulator. Reported are the share of places that were busy until the last row began (by the model
that was busiest), and the seconds that the rows took against a first come, first served schedule of the same replies
without any overhead, start-up apart (the seconds until the first row began).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import distilray as dr
from benchmarks import record
from benchmarks.simulator.clock import simulated
from benchmarks.simulator.phase import Load, Phase
from benchmarks.simulator.schedule import first_come_first_served
from distilray.ledger import Manifest
from distilray.models import EchoModel, Reply
from distilray.models.engines.echo import latencies
from distilray.prompts import Prompt
from distilray.rows import Outcome, Row, kept
from distilray.runner import ModelAccess, Resources, RowUsage
from distilray.steps import ModelName, Models, Step

MEAN_S, PLACES = 2.0, 256
LOADS = {
    "sigma 0.8": Load(12_800, {"a": 1}),
    "sigma 1.0": Load(12_800, {"a": 1}, sigma=1.0),
    "loop of 1 to 7 calls": Load(6_400, {"a": 1}, least_calls=1, most_calls=7),
    "two models in turn": Load(6_400, {"a": 1, "b": 1}, least_calls=2, most_calls=2),
}


def whole(reply: str) -> str:
    return reply


PROMPT = Prompt("again", whole, templates={"en": "Once more.\n---\n{{ row.instruction }}"})


class Loop(Step):
    """Asks the models in turn, as often as the row says."""

    writes: ClassVar = {"called": "int"}

    first: ModelName
    second: ModelName

    async def process(self, row: Row, models: Models) -> Outcome:
        calls = int(row["reference"])
        for k in range(calls):
            await models[self.second if k % 2 else self.first].ask(PROMPT, row)
        return kept(called=calls)


def records(rows: int, least: int, most: int) -> Iterator[dict[str, str]]:
    """Rows that say how often to call."""
    for k in range(rows):
        yield {"instruction": f"row {k}", "reference": str(least + k % (most - least + 1))}


def step_of(load: Load) -> Loop:
    return Loop(first=next(iter(load.models)), second=list(load.models)[-1])


def recipe_of(load: Load) -> dr.Recipe:
    models = {
        name: dr.EchoModel(replicas=replicas, concurrency=PLACES, latency_s=load.mean_s, latency_sigma=load.sigma)
        for name, replicas in load.models.items()
    }
    given = {"rows": load.rows, "least": load.least_calls, "most": load.most_calls}
    return dr.Recipe(
        name="places",
        models=models,
        sources=[dr.Source(name="rows", uses="benchmarks.places:records", with_=given, language="en")],
        steps=[step_of(load)],
        resources=dr.Resources(runner_cpus=0.5),
    )


@dataclass
class Recorder:
    """In place of the engines: what each of one row's replies will take."""

    recipe: dr.Recipe
    asked: list[tuple[str, float]]

    async def ask(self, model: str, request: Any) -> Any:
        settings = self.recipe.models[model]
        assert isinstance(settings, EchoModel)
        self.asked.append((model, latencies(settings, request.seed, 1)[0]))
        return [Reply("1", "stop", 1, 1)]


class NoLog:
    """Nothing was asked before."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, replies: list[dict[str, Any]]) -> None:
        pass


async def replies_of(run: dr.Run, recipe: dr.Recipe, step: Loop, name: str) -> list[list[tuple[str, float]]]:
    """Of each row, in the order of the sources: the models it asks and the seconds that each reply takes."""
    found = []
    for values in run.table("sources").to_pylist():
        recorder = Recorder(recipe, [])
        access = ModelAccess(recorder, recipe.models, recipe.seed)  # type: ignore[arg-type]
        row = Row(values)
        models = access.models_for(row, name, NoLog(), RowUsage())  # type: ignore[arg-type]
        await step.process(row, models)
        found.append(recorder.asked)
    return found


def measure(name: str, load: Load) -> dict[str, Any]:
    recipe = recipe_of(load)
    with tempfile.TemporaryDirectory(prefix="distilray-bench-") as folder:
        run = dr.run(recipe, directory=f"{folder}/run")
        stage = next(stage for stage in run.store.names("steps") if stage.startswith("01-"))
        manifest = Manifest.read(run.store, f"steps/{stage}")
        assert manifest is not None and manifest.steps[0].kept == load.rows
        replies = asyncio.run(replies_of(run, recipe, step_of(load), manifest.steps[0].name))
    places = {model: PLACES * replicas for model, replicas in load.models.items()}
    least = first_come_first_served(replies, places)
    details = manifest.details
    working = details["working_seconds"] - details["start_seconds"]
    virtual = simulated(Phase(load, Resources()).run())
    return {
        "load": name,
        "rows": load.rows,
        "busy_until_last_row": details["busy_until_last_row"],
        "busy": {model: round(each["busy_s"] / each["place_s"], 4) for model, each in details["places"].items()},
        "seconds": round(working, 1),
        "start_seconds": round(details["start_seconds"], 1),
        "least_seconds": round(least, 1),
        "ratio": round(working / least, 3),
        "simulated": {"busy_until_last_row": virtual.busy_until_last_row, "ratio": round(virtual.ratio, 3)},
    }


def main() -> None:
    parser = record.command_line(__doc__, "places.json")
    parser.add_argument("--loads", nargs="+", default=list(LOADS), choices=list(LOADS))
    options = parser.parse_args()
    record.share_imports()
    results = [measure(name, LOADS[name]) for name in options.loads]
    record.write(options.out, {"results": results})
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
