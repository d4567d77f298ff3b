"""Keeps the engines of a run's models: finds places for them, starts them, and replaces those that are lost.

Nobody waits for the last one: work begins with the first engines, and the keeper goes on in a thread of the driver.
What a small model's engines take must not keep out a large one's, so those that are hardest to place are placed first,
and engines beyond a pool's least number only after all others have a place.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import partial

import ray
from ray.util.placement_group import placement_group_table, remove_placement_group

from distilray.errors import MachineryFault
from distilray.models.client.gone import await_engines_gone, nodes_of
from distilray.models.client.handles import EngineHandle
from distilray.models.client.launching import launch, state_of
from distilray.models.client.orphans import held, prefix
from distilray.models.client.placement import living_nodes, on_this_machine, place_of, reserve, size_of_engine, totals
from distilray.models.client.roster import Entry, Roster, RosterWriter
from distilray.models.client.slot import Slot, State
from distilray.models.client.startup import TRIES, EngineStart
from distilray.models.engines.base import EngineInfo
from distilray.models.errors import EngineFailed
from distilray.models.settings.base import ModelSettings

LOOK_EVERY_S = 2.0
"""How often an engine that is up is asked whether it still is."""
HOPELESS = 2
"""Nodes on which no engine of a model starts, when none has anywhere: then it is the model, not the node."""

log = logging.getLogger(__name__)


class Keeper:
    """The engines of ``models``, of ``run``; :meth:`step` is called again and again, by one thread."""

    def __init__(self, run: str, logs: str, models: Mapping[str, ModelSettings], spare_cpus: float = 0.0) -> None:
        """``spare_cpus``: what engines beyond the least numbers must leave of the cluster, for those that ask them."""
        self.run, self.logs, self.models, self.spare_cpus = run, logs, dict(models), spare_cpus
        slots = [
            Slot(model, number, settings)
            for model, settings in models.items()
            for number in range(settings.most_replicas)
        ]
        self.slots = sorted(slots, key=lambda slot: size_of_engine(slot.settings), reverse=True)
        self.infos: dict[str, EngineInfo] = {}
        """Of the first engine of each model that was ready."""
        self.avoided: defaultdict[str, set[str]] = defaultdict(set)
        """Model to the nodes on which its engines do not start."""
        self.roster = Roster.of(run)
        self._writer = RosterWriter(self.roster)
        self._alone = on_this_machine()

    def step(self, patience_s: float = 0.0) -> None:
        """Does what can be done now; waits for engines that start for ``patience_s``."""
        self._want()
        # Engines that measure a GPU's free memory start alone, when no other is waiting to start.
        for slot in sorted(self.of(State.PLACING), key=lambda slot: slot.settings.starts_alone):
            self._place(slot)
        self._start(patience_s)
        self._look()
        self._publish()

    def of(self, state: State, model: str | None = None) -> list[Slot]:
        return [slot for slot in self.slots if slot.state is state and model in (None, slot.model)]

    def _want(self) -> None:
        """Reserves for slots that are due: the least numbers at once, others once these have their places."""
        later = self.of(State.LATER)
        first = [slot for slot in later if slot.number < slot.settings.least_replicas]
        for slot in first:
            self._reserve(slot)
        placing = any(slot.number < slot.settings.least_replicas for slot in self.of(State.PLACING))
        if first or placing or not later:
            return
        reserved = totals(bundle for slot in self.slots if slot.group for bundle in slot.settings.bundles())
        room = ray.cluster_resources().get("CPU", 0) - reserved["CPU"] - self.spare_cpus
        # Engines on CPUs could take what the row runners need; beyond what there is they may be wanted only once there
        # are runners, and never on a machine to which no other can be added.
        followed = self.roster.followed()
        for slot in later:
            needs = totals(slot.settings.bundles())
            if needs["CPU"] <= room or (not self._alone and (needs["GPU"] or followed)):
                self._reserve(slot)
                room -= needs["CPU"]

    def _reserve(self, slot: Slot) -> None:
        name = f"{prefix(self.run)}{slot.name}"
        held.add(name)
        slot.group = reserve(name, slot.settings, self.avoided[slot.model])
        slot.becomes(State.PLACING)

    def _place(self, slot: Slot) -> None:
        assert slot.group is not None
        starting = self.of(State.STARTING)
        if starting and (slot.settings.starts_alone or any(other.settings.starts_alone for other in starting)):
            return
        nodes = place_of(slot.group)
        if nodes is None:
            return
        if self.avoided[slot.model] & set(nodes):  # it was reserved before the node was known to be bad
            self._release([slot])
            self._reserve(slot)
            return
        slot.nodes = tuple(nodes)
        slot.start = EngineStart(partial(self._launch, slot), self._discard, slot.settings.start_timeout_s)
        slot.becomes(State.STARTING)

    def _launch(self, slot: Slot) -> EngineHandle:
        assert slot.group is not None
        slot.generation += 1
        slot.handle = launch(self.run, self.logs, slot.name, slot.generation - 1, slot.settings, slot.group)
        return slot.handle

    def _discard(self, engine: EngineHandle) -> None:
        """Ends an engine whose place is kept for another try."""
        ray.kill(engine.actor)
        slot = next(slot for slot in self.slots if slot.name == engine.name)
        assert slot.group is not None
        await_engines_gone(nodes_of([placement_group_table(slot.group)]))

    def _start(self, patience_s: float) -> None:
        """Takes what is known of engines that start."""
        waiting = {slot.start.ready: slot for slot in self.of(State.STARTING) if slot.start is not None}
        if not waiting:
            time.sleep(patience_s)
            return
        refs = list(waiting)
        if patience_s:
            ray.wait(refs, num_returns=1, timeout=patience_s)
        done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref, slot in waiting.items():
            assert slot.start is not None
            try:
                slot.start.look(ref in done)
            except EngineFailed as error:
                self._fails(slot, str(error))
                continue
            if slot.start.info is not None:
                self.infos.setdefault(slot.model, slot.start.info)
                slot.start, slot.asked_at, slot.restarts = None, time.monotonic(), 0
                slot.becomes(State.UP)

    def _look(self) -> None:
        """Asks engines that were up from time to time whether they still are."""
        now = time.monotonic()
        for slot in self.of(State.UP):
            if now - slot.asked_at < LOOK_EVERY_S:
                continue
            assert slot.handle is not None
            was_away = slot.away
            if slot.asked is not None:
                slot.away = not self._answered(slot)
                if slot.away:
                    self._consider(slot)
                elif was_away:
                    _, slot.restarts = state_of(slot.handle)
            if slot.state is State.UP and slot.asked is None:
                slot.asked = slot.handle.actor.ready.remote()
            slot.asked_at = now

    def _answered(self, slot: Slot) -> bool:
        done, _ = ray.wait([slot.asked], timeout=0)
        if not done:
            return False
        ref, slot.asked = slot.asked, None
        try:
            ray.get(ref)
        except (ray.exceptions.RayActorError, EngineFailed):
            return False
        return True

    def _consider(self, slot: Slot) -> None:
        """An engine does not answer: it is replaced where Ray does not start it again, or has tried it in vain."""
        assert slot.handle is not None and slot.group is not None
        state, restarts = state_of(slot.handle)
        # The first restart is that of its death.
        vain = restarts - slot.restarts - 1 >= TRIES
        if state != "DEAD" and not vain:
            return
        slot.nodes = tuple(place_of(slot.group) or slot.nodes)  # it may have been moved since
        elsewhere = living_nodes().keys() - self.avoided[slot.model] - set(slot.nodes)
        why = slot.handle.cause_of_death() or "it died, and is not started again"
        if state != "DEAD" and not elsewhere:
            return  # what else could be done
        if slot.settings.restarts:
            self._fails(slot, f"{slot.name}: {why}")
        else:
            slot.why = f"{slot.name}: {why}"
            self._release([slot])
            slot.becomes(State.GIVEN_UP)

    def _fails(self, slot: Slot, why: str) -> None:
        """An engine has failed on a node as often as it may: it is placed elsewhere."""
        log.warning("node %s is avoided: %s", slot.nodes[0][:8], why)
        slot.why = why
        self.avoided[slot.model].update(set(slot.nodes) & living_nodes().keys())
        try:
            self._release([slot], wait=True)
        except MachineryFault as fault:  # on a node that its model avoids from now on
            log.warning("%s", fault)
        self._reserve(slot)

    def _hopeless(self, model: str) -> bool:
        """Whether ``model`` has failed wherever it could start; before any of its engines was up, on two nodes."""
        avoided = self.avoided[model]
        if not avoided:
            return False
        there = living_nodes().keys()
        return bool(there and avoided >= there) or (model not in self.infos and len(avoided) >= HOPELESS)

    def over(self) -> dict[str, str]:
        """Models without an engine that is up or may come, with the reason."""
        found = {}
        for model in self.models:
            mine = [slot for slot in self.slots if slot.model == model and slot.state is not State.LATER]
            lives = any(slot.state in (State.STARTING, State.UP) for slot in mine)
            comes = any(slot.state is State.PLACING for slot in mine) and not self._hopeless(model)
            if mine and not lives and not comes:
                found[model] = next(slot.why for slot in mine if slot.why)
        return found

    def _publish(self) -> None:
        engines: dict[str, dict[int, Entry]] = {}
        for slot in self.of(State.UP):
            assert slot.handle is not None
            entry = Entry(slot.handle.actor_name, str(slot.handle.log), slot.handle.log_begins)
            engines.setdefault(slot.model, {})[slot.number] = entry
        self._writer.write(engines, self.over())

    def _release(self, slots: Collection[Slot], *, wait: bool = False) -> None:
        """Ends engines and gives back what was reserved for them; ``wait``: until their processes are gone, which
        raises :class:`~distilray.errors.MachineryFault` where one stays."""
        placed = [placement_group_table(slot.group) for slot in slots if slot.group is not None and slot.handle]
        for slot in slots:
            if slot.handle is not None:
                ray.kill(slot.handle.actor)
            if slot.group is not None:
                remove_placement_group(slot.group)
            name = f"{prefix(self.run)}{slot.name}"
            held.difference_update([known for known in held if known == name or known.startswith(f"{name}.")])
            slot.handle, slot.start, slot.group, slot.asked, slot.nodes, slot.away = None, None, None, None, (), False
        if wait and placed:
            await_engines_gone(nodes_of(placed))

    def release(self, models: Collection[str] | None = None) -> None:
        """Ends the engines (of ``models``), and returns when their processes are gone; see :meth:`_release`."""
        slots = [slot for slot in self.slots if models is None or slot.model in models]
        self.slots = [slot for slot in self.slots if slot not in slots]
        self.models = {name: model for name, model in self.models.items() if any(s.model == name for s in self.slots)}
        if not self.slots:
            self.roster.delete()
        self._release(slots, wait=True)
