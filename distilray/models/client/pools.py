"""Engine pools: what models need is reserved, and work begins with the first engines that are ready; others join while
it runs. A pool that stops is gone, processes and memory.

pools = EnginePools(run="r1", logs="/tmp/r1/logs")
handles = pools.start({"teacher": VLLMModel(...), "judge": OpenAIModel(...)})   # picklable; goes to the runners
...
pools.stop()
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType

import ray

from distilray.errors import MachineryFault
from distilray.models.client.handles import PoolHandle, PoolHandles
from distilray.models.client.keeper import Keeper
from distilray.models.client.orphans import remove_orphans
from distilray.models.client.placement import living_nodes, needs_of, on_this_machine, place_of, totals
from distilray.models.client.slot import State
from distilray.models.client.startup import Told
from distilray.models.client.waiting import waits_for
from distilray.models.errors import EngineFailed, PoolsDoNotFit
from distilray.models.settings.base import ModelSettings

STEP_S = 0.5
"""How often the engines are looked after."""
FIRST_STEPS_S, FIRST_S = 0.05, 2.0
"""The same in the first seconds, so that what is there at once is not waited for."""
PLACED_S = 60.0
"""How long a place is waited for where no node can join: what others released returns within seconds, or not at all."""
JOIN_S = 90.0
"""How long a step may hold up the end."""

log = logging.getLogger(__name__)


class EnginePools:
    """Engines that are started together, owned by the driver. A context manager that stops them."""

    def __init__(self, run: str, logs: str | None = None) -> None:
        """``run`` is the run's id; ``logs`` a directory, on each node, for what engines print."""
        self.run = run
        self.logs = logs or str(Path(tempfile.gettempdir()) / f"distilray-{run}")
        self._keeper: Keeper | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(
        self,
        models: Mapping[str, ModelSettings],
        timeout_s: float | None = None,
        told: Told = lambda text: None,
        *,
        wait_for_all: bool = False,
        spare_cpus: float = 0.0,
    ) -> PoolHandles:
        """Reserve and start the engines of ``models``; returns when each model has those with which work begins, while
        others start and join later.

        A place is waited for ``timeout_s`` long, by default the settings' ``start_timeout_s``; each engine as long as
        its log says something new within that time. What is waited for is told to ``told``. ``wait_for_all``: for the
        least number of each model, not for those with which it can begin. ``spare_cpus``: what engines beyond these
        leave of the cluster. Raises ``ValueError`` (something is missing that the settings name),
        :class:`PoolsDoNotFit` or :class:`~distilray.models.EngineFailed`; nothing is left running then.
        """
        for settings in models.values():
            settings.check()
        self.stop()
        remove_orphans(self.run)
        keeper = self._keeper = Keeper(self.run, self.logs, models, spare_cpus)
        wanted = {
            name: settings.least_replicas if wait_for_all else settings.replicas_to_begin
            for name, settings in models.items()
        }
        try:
            self._until_begin(keeper, wanted, timeout_s, told)
            handles = PoolHandles(self.run, {name: _handle(keeper, name) for name in models})
        except BaseException as error:
            self._stop_after(error)
            raise
        self._over.clear()
        self._thread = threading.Thread(target=self._keep, args=(keeper,), name="engines", daemon=True)
        self._thread.start()
        return handles

    def _until_begin(self, keeper: Keeper, wanted: Mapping[str, int], timeout_s: float | None, told: Told) -> None:
        begun = time.monotonic()
        while True:
            waited = time.monotonic() - begun
            keeper.step(FIRST_STEPS_S if waited < FIRST_S else STEP_S)
            missing = [name for name, engines in wanted.items() if len(keeper.of(State.UP, name)) < engines]
            if not missing:
                return
            for why in keeper.over().values():
                raise EngineFailed(why)
            for name in missing:
                patience = keeper.models[name].start_timeout_s if timeout_s is None else timeout_s
                if waited > (min(patience, PLACED_S) if on_this_machine() else patience):
                    _refuse_what_has_no_place(keeper, name, wanted[name])
            if text := waits_for(keeper, wanted):
                told(text)

    def _keep(self, keeper: Keeper) -> None:
        """Looks after the engines until :meth:`stop`."""
        while not self._over.wait(STEP_S) and ray.is_initialized():
            try:
                with self._lock:
                    keeper.step()
            except (ray.exceptions.RayError, MachineryFault) as error:  # both may pass
                log.warning("the engines of %s cannot be looked after: %s", self.run, error)

    def stop(self, models: Collection[str] | None = None) -> None:
        """Release every engine (of ``models``) and what was reserved for it, and wait until their processes are gone.

        Raises :class:`~distilray.errors.MachineryFault` where one stays for a minute after it was killed.
        """
        keeper = self._keeper
        if keeper is None:
            return
        if models is None or keeper.models.keys() <= set(models):
            self._over.set()
            if self._thread is not None:
                self._thread.join(JOIN_S)
            self._keeper = self._thread = None
            keeper.release()
        else:
            with self._lock:
                keeper.release(models)

    def _stop_after(self, error: BaseException) -> None:
        """Stops where ``error`` is what the user has to hear of."""
        try:
            self.stop()
        except MachineryFault as left:
            error.add_note(str(left))

    def __enter__(self) -> EnginePools:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            self._stop_after(error)


def _handle(keeper: Keeper, model: str) -> PoolHandle:
    engines = tuple(slot.handle for slot in keeper.of(State.UP, model) if slot.handle is not None)
    settings = keeper.models[model]
    return PoolHandle(settings, engines, keeper.infos[model], settings.weights_id(), keeper.roster)


def _refuse_what_has_no_place(keeper: Keeper, model: str, wanted: int) -> None:
    """Raises :class:`PoolsDoNotFit` where fewer than the ``wanted`` engines of ``model`` have a place."""
    settings = keeper.models[model]
    waiting = [slot for slot in keeper.of(State.PLACING, model) if slot.group and place_of(slot.group) is None]
    placed = settings.most_replicas - len(waiting) - len(keeper.of(State.LATER, model))
    if placed >= wanted:
        return
    every = totals(bundle for entry in keeper.models.values() for bundle in entry.bundles() * entry.least_replicas)
    text = (
        f"only {placed} of {wanted} engines with which {model} begins can be placed. Each needs {needs_of(settings)}, "
        f"all models together {every}; the cluster has {totals(living_nodes().values())}, free "
        f"{totals([ray.available_resources()])}. Lower replicas, cpus or gpus of a model, or add nodes"
    )
    if not on_this_machine():
        text += "; raise its start_timeout_s where an autoscaler brings them later"
    if avoided := keeper.avoided[model]:
        text += f". Its engines do not start on {', '.join(sorted(node[:8] for node in avoided))}: see {keeper.logs}"
    raise PoolsDoNotFit(text)
