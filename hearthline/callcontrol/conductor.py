"""The conductor of one node: commands from the bus and events from the switch in, calls driven, nothing left behind.

One actor per call keeps that call's events in order (`actor.py`). The conductor knows which legs belong to which calls,
what was last heard of each leg, and which trunk channels are in use. It runs in one event loop and touches no database
but through `Database`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from django.conf import settings

from hearthline.callcontrol import handovers, recordings, records, translation
from hearthline.callcontrol.actor import CallActor
from hearthline.callcontrol.database import Database
from hearthline.callcontrol.line_desk import LineDesk
from hearthline.callcontrol.moments import Moments, RealMoments
from hearthline.callcontrol.recovery import recover
from hearthline.callcontrol.sounds import prepare_sounds
from hearthline.callcontrol.trunks import ChosenTrunk, choose_trunk
from hearthline.calls import call_effects as fx
from hearthline.calls import call_events as ev
from hearthline.calls.call_state import CallState
from hearthline.calls.models import Attempt
from hearthline.lib import clock
from hearthline.realtime.audiences import STAFF
from hearthline.realtime.bus import Bus
from hearthline.switch import port

logger = logging.getLogger(__name__)

SWITCH_GUARD_S = 3900  # beyond the campaign's own bound: hand-over and closing sentence included
STATS_KEPT_S = 60  # what was last heard of a leg, after its end


class Conductor:
    def __init__(self, switch: port.Switch, bus: Bus, node: str, *, moments: Moments | None = None) -> None:
        self.switch = switch
        self.bus = bus
        self.node = node
        self.moments: Moments = moments or RealMoments()
        self.database = Database()
        self.actors: dict[str, CallActor] = {}
        self.node_here = True
        self._calls_of_leg: defaultdict[str, set[str]] = defaultdict(set)
        self._stats: dict[str, port.MediaStats] = {}
        self._trunk_of_leg: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.line_desk = LineDesk(self.database, bus, node)
        self._sounds: dict[fx.Sound, str] = prepare_sounds(Path(settings.HEARTHLINE.run_folder) / "sounds")

    # --- calls --------------------------------------------------------------------------------------------------------

    def adopt(self, attempt: Attempt, state: CallState, opening: tuple[fx.Effect, ...] = ()) -> CallActor:
        """Drive this call from here on. `opening`: effects of its beginning that are still to be kept and told."""
        known = self.actors.get(str(attempt.pk))
        if known is not None:  # the reconciler found the row before we did
            if opening:
                self.spawn(
                    self.database.run(records.write_effects, attempt, state, opening, state.dialled_at),
                    "tell a beginning",
                )
            return known
        actor = CallActor(self, attempt, state, opening)
        self.actors[actor.id] = actor
        self.spawn(actor.run(), f"call {actor.id}")
        return actor

    def legs_changed(self, attempt: str, before: frozenset[str], after: frozenset[str]) -> None:
        for leg in before - after:
            calls = self._calls_of_leg.get(leg, set())
            calls.discard(attempt)
            if not calls:
                self._calls_of_leg.pop(leg, None)
        for leg in after - before:
            self._calls_of_leg[leg].add(attempt)

    def call_closed(self, attempt: str) -> None:
        actor = self.actors.pop(attempt, None)
        if actor is not None:
            self.legs_changed(attempt, actor.state.legs(), frozenset())

    def owned_legs(self) -> set[str]:
        """Legs that some call may still do something to."""
        return set(self._calls_of_leg)

    def last_stats(self, leg: str) -> port.MediaStats:
        return self._stats.get(leg, port.MediaStats())

    # --- dialling -----------------------------------------------------------------------------------------------------

    def channels(self) -> dict[int, int]:
        """Trunk channels in use, by trunk id."""
        return dict(Counter(self._trunk_of_leg.values()))

    async def ring_contact(self, started: records.Started) -> bool:
        """Ring the contact of a call that was just written. False when the switch refused: the call is then over."""
        assert started.trunk is not None
        leg = started.state.contact
        self._trunk_of_leg[leg] = started.trunk.id
        actor = self.adopt(started.attempt, started.state, started.effects)
        try:
            await self._ring(
                leg, port.Destination(number=started.attempt.assignment.phone), started.trunk, started.caller_id,
                timeout_s=started.state.limits.ring_s,
                longest_s=started.state.limits.max_duration_s + SWITCH_GUARD_S,
                tags={"attempt": actor.id},
            )  # fmt: skip
        except port.SwitchError as error:
            logger.warning("call %s could not be placed: %s (%s)", actor.id, error.message, error.code.value)
            self._trunk_of_leg.pop(leg, None)
            actor.tell(ev.RingFailed(self.moments.now()))
            return False
        if actor.state.ending is not None or not actor.state.contact_here:
            await self.switch.hang_up(leg)  # the operator was quicker: the hang-up came before there was a leg
        return True

    async def ring_manager(self, attempt: Attempt, effect: fx.RingManager) -> None:
        """Raises SwitchError."""
        try:
            destination = await self.database.run(handovers.destination_of, effect.handover)
            trunk = await self.database.run(choose_trunk, self.channels()) if destination.number else None
        except Exception as error:
            logger.exception("hand-over %s: the manager cannot be rung", effect.handover)
            raise port.SwitchError(port.SwitchErrorCode.FAILED, "no way to the manager") from error
        if trunk is not None:
            self._trunk_of_leg[effect.leg] = trunk.id
        caller_id = attempt.campaign.caller_id or (trunk.caller_id if trunk is not None else "")
        await self._ring(
            effect.leg, destination, trunk, caller_id, timeout_s=settings.HEARTHLINE.manager_ring_timeout_s,
            longest_s=SWITCH_GUARD_S, tags={"attempt": str(attempt.pk), "handover": effect.handover},
        )  # fmt: skip

    async def _ring(
        self, leg: str, destination: port.Destination, trunk: ChosenTrunk | None, caller_id: str, *,
        timeout_s: int, longest_s: int, tags: dict[str, str],
    ) -> None:  # fmt: skip
        await self.switch.ring(
            leg, destination, caller_id=caller_id, timeout_s=timeout_s,
            trunk=trunk.trunk if trunk is not None else None, max_duration_s=longest_s, tags=tags,
        )  # fmt: skip

    async def start_recording(self, attempt: Attempt, leg: str) -> None:
        """Raises SwitchError."""
        try:
            _row, path = await self.database.run(recordings.open_recording, attempt, leg, clock.now())
        except OSError as error:
            logger.exception("call %s: the recording's folder cannot be written", attempt.pk)
            raise port.SwitchError(port.SwitchErrorCode.FAILED, "no place for the recording") from error
        await self.switch.record(leg, path)

    def sound(self, sound: fx.Sound) -> str:
        return self._sounds[sound]

    # --- what the switch tells ----------------------------------------------------------------------------------------

    async def listen(self, listening: asyncio.Event) -> None:
        """Take the switch's events until cancelled; `listening` is set when none can be missed any more."""
        events = self.switch.events()
        upcoming = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)  # the generator runs up to its first wait: from here on it misses nothing
        listening.set()
        try:
            while True:
                event = await upcoming
                upcoming = asyncio.ensure_future(anext(events))
                self._take_safely(event)
        finally:
            upcoming.cancel()

    def _take_safely(self, event: port.SwitchEvent) -> None:
        try:
            self.take(event)
        except Exception:
            logger.exception("an event of the switch could not be understood: %s", type(event).__name__)

    def take(self, event: port.SwitchEvent) -> None:
        match event:
            case port.LegStats():
                self._measure(event)
            case port.NodeLost():
                self._node_lost(event)
            case port.NodeBack():
                self.spawn(self._node_back(event), "recovery")
            case port.RecordingStopped():
                self.spawn(
                    self.database.run(recordings.finish_recording, event.path, event.duration_ms), "finish a recording"
                )
            case port.LegDigit():
                return
            case _:
                self._leg_event(event)

    def _leg_event(self, event: port.SwitchEvent) -> None:
        translated = translation.event_of(event)
        if translated is None:
            return
        for call in list(self._calls_of_leg.get(translated.leg, ())):
            self.actors[call].tell(translated)
        self.line_desk.take(event)
        if isinstance(event, port.LegHungUp):
            leg = event.leg
            self._trunk_of_leg.pop(leg, None)
            self.moments.call_at(self.moments.now() + STATS_KEPT_S, lambda: self._forget(leg))

    def _forget(self, leg: str) -> None:
        if leg not in self._calls_of_leg:
            self._stats.pop(leg, None)

    def _measure(self, event: port.LegStats) -> None:
        self._stats[event.leg] = event.stats
        self.line_desk.take(event)

    def _node_lost(self, event: port.NodeLost) -> None:
        self.node_here = False
        logger.error("the switch of node %s cannot be reached: %s", self.node, event.reason)
        for actor in list(self.actors.values()):
            actor.tell(ev.NodeLost(event.at))
        self._tell_node("node.lost", event.reason)

    async def _node_back(self, event: port.NodeBack) -> None:
        self.node_here = True
        logger.warning("the switch of node %s answers again", self.node)
        await recover(self, at=event.at)
        self._tell_node("node.back", "" if event.same_process else "restarted")

    def _tell_node(self, name: str, reason: str) -> None:
        payload = {"node": self.node, "reason": reason[:200]}
        self.spawn(self.database.run(self.bus.publish, name, payload, audiences=(STAFF,)), name)

    # --- tasks --------------------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """A task that this conductor owns: it ends with it, and what goes wrong in it is logged."""
        task = asyncio.create_task(work, name=f"callcontrol: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is being done: what has happened until now is carried out."""
        waiting = [t for t in self._tasks if not t.get_name().startswith("callcontrol: call ")]
        return not waiting and self.line_desk.idle and all(actor.idle for actor in self.actors.values())

    async def close(self) -> None:
        """Leave the calls as they are: the switch goes on with them, and the next start takes them up."""
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self.database.close()
