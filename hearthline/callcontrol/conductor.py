"""The conductor of one node: commands from the bus and events from the switch in, calls driven, nothing left behind.

One actor per call keeps that call's events in order (`actor.py`). The conductor knows which legs belong to which calls,
what was last heard of each leg, and which trunk channels are in use. It runs in one event loop and touches no database
but through `Database`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from hearthline.callcontrol import handovers, recordings, records, translation
from hearthline.callcontrol.actor import CallActor
from hearthline.callcontrol.admission import Admission
from hearthline.callcontrol.consent import consent_sound
from hearthline.callcontrol.database import Database
from hearthline.callcontrol.decoy_desk import DecoyDesk
from hearthline.callcontrol.line_desk import LineDesk
from hearthline.callcontrol.moments import Moments, RealMoments
from hearthline.callcontrol.phone_accounts import PhoneAccounts
from hearthline.callcontrol.phone_desk import PhoneDesk
from hearthline.callcontrol.recovery import recover
from hearthline.callcontrol.sounds import prepare_sounds
from hearthline.callcontrol.trunk_desk import TrunkDesk, TrunkNews
from hearthline.callcontrol.trunks import ChosenTrunk, LegTakenError, NoTrunkError, Wanted, note_try, take_trunk
from hearthline.calls import call_effects as fx
from hearthline.calls import call_events as ev
from hearthline.calls.call_state import CallState, Phase
from hearthline.calls.machine import UndefinedTransitionError
from hearthline.calls.models import Attempt, Line
from hearthline.lib import clock
from hearthline.realtime.audiences import STAFF
from hearthline.realtime.bus import Bus
from hearthline.switch import port

logger = logging.getLogger(__name__)

SWITCH_GUARD_S = 3900  # beyond the campaign's own bound: hand-over and closing sentence included
BY_TRUNK = (port.SwitchErrorCode.FAILED, port.SwitchErrorCode.NO_SUCH_TRUNK)  # another trunk may do
OWNED_SHARE = 2 / 3  # of the time after which a node is lost
STATS_KEPT_S = 60  # what was last heard of a leg, after its end


def _waits_for(actor: CallActor, leg: str) -> bool:
    """Whether the call still wants this leg to be rung."""
    state = actor.state
    return state.ending is None and state.contact_here and state.contact == leg


class Conductor:
    def __init__(self, switch: port.Switch, bus: Bus, node: str, *, moments: Moments | None = None) -> None:
        self.switch = switch
        self.bus = bus
        self.node = node
        self.moments: Moments = moments or RealMoments()
        self.database = Database()
        self.actors: dict[str, CallActor] = {}
        self.node_here = True
        self.term = 0  # given when the node is announced
        self.heard_at = time.monotonic()  # when the database last took our heartbeat
        self.admission = Admission()
        self._calls_of_leg: defaultdict[str, set[str]] = defaultdict(set)
        self._stats: dict[str, port.MediaStats] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.phone_accounts = PhoneAccounts(self)
        self.phone_desk = PhoneDesk(self)
        self.line_desk = LineDesk(self.database, bus, node, self.phone_desk)
        self.trunk_desk = TrunkDesk(switch, self.database, bus, node, self.moments)
        self.decoy_desk = DecoyDesk(self)
        self.ringing_next: set[str] = set()  # legs for which another trunk is just being asked
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

    @property
    def owns_its_calls(self) -> bool:
        """False when others may soon think this node lost: nothing new begins here until a heartbeat has arrived again."""
        return time.monotonic() - self.heard_at < settings.HEARTHLINE.node_lost_after_s * OWNED_SHARE

    # --- dialling -----------------------------------------------------------------------------------------------------

    async def ring_contact(self, started: records.Started) -> bool:
        """Ring the contact of a call that was just written. False when the switch refused: the call is then over."""
        assert started.trunk is not None
        self.trunk_desk.begun(started.state.contact, started.trunk.id)
        actor = self.adopt(started.attempt, started.state, started.effects)
        return await self._ring_over(actor, started.state.contact, started.trunk)

    async def _ring_over(self, actor: CallActor, leg: str, chosen: ChosenTrunk) -> bool:
        """False when the call is over by it."""
        attempt, limits = actor.attempt, actor.state.limits
        try:
            await self._turn(chosen)
            if not _waits_for(actor, leg):
                await self._ask_if_driven(actor, ev.RingFailed(self.moments.now()))
                return True  # the operator was quicker: the hang-up came before there was a leg
            await self._ring(
                leg, port.Destination(number=attempt.assignment.phone), chosen,
                attempt.campaign.caller_id or chosen.caller_id, timeout_s=limits.ring_s,
                longest_s=limits.max_duration_s + SWITCH_GUARD_S, tags={"attempt": actor.id},
            )  # fmt: skip
        except port.SwitchError as error:
            logger.warning("call %s could not be placed: %s (%s)", actor.id, error.message, error.code.value)
            self._tell_trunk(self.trunk_desk.refused(leg, by_trunk=error.code in BY_TRUNK))
            return await self._ask_if_driven(actor, ev.RingFailed(self.moments.now(), by_trunk=error.code in BY_TRUNK))
        if not _waits_for(actor, leg):
            await self.switch.hang_up(leg)
        return True

    async def _ask_if_driven(self, actor: CallActor, event: ev.CallEvent) -> bool:
        """Whether the call goes on after the event."""
        if self.actors.get(actor.id) is not actor:
            return False
        try:
            return (await actor.ask(event)).phase is not Phase.CLOSED
        except UndefinedTransitionError:
            return False

    def ring_next(self, actor: CallActor, leg: str) -> None:
        """The trunk failed the attempt: call the contact over another one, or tell that there is none."""
        if leg not in self.ringing_next:
            self.ringing_next.add(leg)
            self.spawn(self._ring_next(actor, leg), "another trunk")

    async def _ring_next(self, actor: CallActor, leg: str) -> None:
        try:
            chosen = await self.database.run(records.next_trunk, actor.attempt, self.wanted(leg))
        except (NoTrunkError, LegTakenError, DatabaseError) as error:
            logger.info("call %s has no other trunk: %s", actor.id, type(error).__name__)
            actor.tell(ev.NoTrunkLeft(self.moments.now(), leg))
        else:
            self.trunk_desk.begun(leg, chosen.id)
            await self._ring_over(actor, leg, chosen)
        finally:
            self.ringing_next.discard(leg)

    def wanted(self, leg: str, number: str = "") -> Wanted:
        """A call of this node that needs a trunk now."""
        return Wanted(number, uuid.UUID(leg), self.node, self.moments.now(), self.trunk_desk.aside)

    async def _turn(self, chosen: ChosenTrunk) -> None:
        """Wait for the call's turn, where the trunk takes so many calls a second."""
        await self.pause(chosen.due - self.moments.now())

    async def pause(self, seconds: float) -> None:
        if seconds > 0:
            due = asyncio.get_running_loop().create_future()
            self.moments.call_at(self.moments.now() + seconds, lambda: None if due.done() else due.set_result(None))
            await due

    async def ring_manager(self, attempt: Attempt, effect: fx.RingManager) -> None:
        """Raises SwitchError."""
        trunk: ChosenTrunk | None = None
        try:
            destination = await self.database.run(handovers.destination_of, effect.handover)
            if destination.number:
                wanted = replace(self.wanted(effect.leg, destination.number), handover=effect.handover)
                trunk = await self.database.run(take_trunk, wanted)
        except Exception as error:
            logger.exception("hand-over %s: the manager cannot be rung", effect.handover)
            raise port.SwitchError(port.SwitchErrorCode.FAILED, "no way to the manager") from error
        caller_id = attempt.campaign.caller_id or (trunk.caller_id if trunk is not None else "")
        await self._ring_person(
            effect.leg, destination, trunk, caller_id, timeout_s=settings.HEARTHLINE.manager_ring_timeout_s,
            longest_s=SWITCH_GUARD_S, tags={"attempt": str(attempt.pk), "handover": effect.handover},
        )  # fmt: skip

    async def ring_line(
        self, leg: str, destination: port.Destination, trunk: ChosenTrunk | None, *, longest_s: int
    ) -> None:
        """Ring a person's telephone as their line. Raises SwitchError."""
        tags = {"line": leg}
        caller_id = trunk.caller_id if trunk is not None else ""
        ring_s = settings.HEARTHLINE.phone_ring_timeout_s
        await self._ring_person(leg, destination, trunk, caller_id, timeout_s=ring_s, longest_s=longest_s, tags=tags)

    async def go_on(self, attempt: uuid.UUID | None, event: ev.CallEvent, line: Line | None) -> None:
        """Tell a call, if this node drives it, that one of its people is back on another line."""
        actor = self.actors.get(str(attempt)) if attempt is not None else None
        if actor is not None:
            await actor.ask(event, line)

    async def _ring_person(
        self, leg: str, destination: port.Destination, trunk: ChosenTrunk | None, caller_id: str, *,
        timeout_s: int, longest_s: int, tags: dict[str, str],
    ) -> None:  # fmt: skip
        """Somebody of ours at a telephone: over this trunk, which was taken for it, or none. Raises SwitchError."""
        if trunk is not None:
            self.trunk_desk.begun(leg, trunk.id)
            await self._turn(trunk)
        try:
            await self._ring(
                leg, destination, trunk, caller_id, timeout_s=timeout_s, longest_s=longest_s, tags=tags
            )  # fmt: skip
        except port.SwitchError as error:
            if trunk is not None:
                self._tell_trunk(self.trunk_desk.refused(leg, by_trunk=error.code in BY_TRUNK))
                self._free_channel(port.LegHungUp(leg, self.moments.now(), 41, port.Party.SWITCH))
            raise

    async def _ring(
        self, leg: str, destination: port.Destination, trunk: ChosenTrunk | None, caller_id: str, *,
        timeout_s: int, longest_s: int, tags: dict[str, str],
    ) -> None:  # fmt: skip
        if not self.owns_its_calls:  # what was asked of the database took so long that others may act for this node
            raise port.SwitchError(port.SwitchErrorCode.UNREACHABLE, "the node is cut off and begins nothing new")
        await self.switch.ring(
            leg, destination, caller_id=caller_id, timeout_s=timeout_s,
            trunk=trunk.trunk if trunk is not None else None, max_duration_s=longest_s, tags=tags,
        )  # fmt: skip

    def _tell_trunk(self, news: TrunkNews | None) -> None:
        if news is not None:
            self.spawn(self.trunk_desk.tell(news), "tell of a trunk")

    def _free_channel(self, event: port.LegHungUp) -> None:
        work = self.database.run(
            note_try, uuid.UUID(event.leg), at=event.at, cause=event.cause, sip_status=event.sip_status
        )
        self.spawn(work, "free a channel")

    async def start_recording(self, attempt: Attempt, leg: str) -> None:
        """Raises SwitchError."""
        try:
            _row, path = await self.database.run(recordings.open_recording, attempt, leg, clock.now())
        except OSError as error:
            logger.exception("call %s: the recording's folder cannot be written", attempt.pk)
            raise port.SwitchError(port.SwitchErrorCode.FAILED, "no place for the recording") from error
        await self.switch.record(leg, path)

    async def announce(self, attempt: Attempt, leg: str) -> None:
        """Play what the campaign says of the recording. Raises SwitchError."""
        folder = Path(settings.HEARTHLINE.run_folder) / "sounds"
        await self.switch.play(leg, await asyncio.to_thread(consent_sound, attempt.campaign, folder))

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
            case port.RegistrationChanged():
                self.spawn(self.trunk_desk.note_registration(event), "note a registration")
            case port.PhoneRegistered() | port.PhoneUnregistered():
                self.phone_accounts.take(event)
            case port.NumberCalled():
                self.decoy_desk.take(event)
            case port.LegDigit():
                self.line_desk.take(event)
            case _:
                self._leg_event(event)

    def _leg_event(self, event: port.SwitchEvent) -> None:
        translated = translation.event_of(event)
        if translated is None:
            return
        if isinstance(event, port.LegHungUp) and self.trunk_desk.carries(event.leg) and not self._is_contact(event.leg):
            self._free_channel(event)  # a contact's is freed with the state that its call is written with
        self._tell_trunk(self.trunk_desk.take(event))
        for call in list(self._calls_of_leg.get(translated.leg, ())):
            self.actors[call].tell(translated)
        self.line_desk.take(event)
        if isinstance(event, port.LegHungUp):
            leg = event.leg
            self.moments.call_at(self.moments.now() + STATS_KEPT_S, lambda: self._forget(leg))

    def _is_contact(self, leg: str) -> bool:
        return any(self.actors[call].state.contact == leg for call in self._calls_of_leg.get(leg, ()))

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
