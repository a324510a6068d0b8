"""One call in progress: its events in order, its state, its timers, its effects carried out.

For each event: ask the machine; join and part people at once (safe to repeat, and audio must not wait for a disk); write
the new state with all that belongs to it in one transaction; then do the rest at the switch. When somebody else wrote the
state meanwhile, the event is put to the state that is there now.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from django.db import DatabaseError

from hearthline.callcontrol.call_counts import note_transition
from hearthline.callcontrol.database import Database
from hearthline.callcontrol.moments import Handle, Moments
from hearthline.callcontrol.records import Seen, StaleStateError, load_attempt, write_effects, write_transition
from hearthline.callcontrol.translation import seen, since, stats_json
from hearthline.calls import call_effects as fx
from hearthline.calls import call_events as ev
from hearthline.calls import machine
from hearthline.calls.call_state import TERMINAL, CallState, from_json
from hearthline.calls.models import Attempt, HandOver, Line
from hearthline.switch import port

logger = logging.getLogger(__name__)

QUEUE_BOUND = 512  # events that wait for one call
WRITE_TRIES = 5
RETRY_AFTER_S = 1.0  # a database that fails is asked again after this, WRITE_TRIES times

Also = HandOver | Line | None


class Surroundings(Protocol):
    """What a call needs of its node."""

    node: str
    switch: port.Switch
    database: Database
    moments: Moments

    def last_stats(self, leg: str) -> port.MediaStats: ...
    def legs_changed(self, attempt: str, before: frozenset[str], after: frozenset[str]) -> None: ...
    def call_closed(self, attempt: str) -> None: ...
    def sound(self, sound: fx.Sound) -> str: ...
    async def start_recording(self, attempt: Attempt, leg: str) -> None: ...
    async def announce(self, attempt: Attempt, leg: str) -> None: ...
    async def ring_manager(self, attempt: Attempt, effect: fx.RingManager) -> None: ...
    def ring_next(self, actor: CallActor, leg: str) -> None: ...


@dataclass(slots=True)
class _Mail:
    event: ev.CallEvent | None  # None: take the state from the database
    also: Also
    done: asyncio.Future[CallState] | None


class CallActor:
    """Owns one call. `run` is its task; `tell` and `ask` put events to it from the same event loop."""

    def __init__(
        self, around: Surroundings, attempt: Attempt, state: CallState, opening: tuple[fx.Effect, ...] = ()
    ) -> None:
        self.around = around
        self.attempt = attempt
        self.state = state
        self.out_of_step = False  # an event was lost or could not be written: the reconciler compares with the switch
        self._inbox: asyncio.Queue[_Mail] = asyncio.Queue(QUEUE_BOUND)
        self._timers: dict[str, Handle] = {}
        self._opening = opening
        self._at_work = bool(opening)
        self._operator_before = around.last_stats(state.operator)
        around.legs_changed(self.id, frozenset(), state.legs())

    @property
    def id(self) -> str:
        return str(self.attempt.pk)

    def tell(self, event: ev.CallEvent) -> None:
        """Put an event that nobody waits for."""
        try:
            self._inbox.put_nowait(_Mail(event, None, None))
        except asyncio.QueueFull:
            self.out_of_step = True
            logger.error(
                "call %s has more events waiting than it can bear; it will be compared with the switch", self.id
            )

    async def ask(self, event: ev.CallEvent, also: Also = None) -> CallState:
        """Put an event and wait until it is carried out. Raises UndefinedTransitionError when it means nothing now."""
        return await self._ask(event, also)

    async def resync(self) -> None:
        """Take what the database says for true: after a failure, or when the switch was away."""
        await self._ask(None, None)

    async def _ask(self, event: ev.CallEvent | None, also: Also) -> CallState:
        done: asyncio.Future[CallState] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(_Mail(event, also, done))
        return await done

    @property
    def idle(self) -> bool:
        return not self._at_work and self._inbox.empty()

    @property
    def _taken_away(self) -> bool:
        """Another node drives this call now: it found this one lost."""
        return str(self.attempt.node_id) != self.around.node

    async def run(self) -> None:
        """Until the call is closed and nothing of it is left at the switch."""
        self._arm()
        try:
            await self._open()
            while not self._taken_away and (
                self.state.phase not in TERMINAL or self.state.timers or self._inbox.qsize()
            ):
                mail = await self._inbox.get()
                self._at_work = True
                await self._handle(mail)
                self._at_work = False
        finally:
            self._disarm()
            self._refuse_the_rest()
            self.around.call_closed(self.id)

    async def _open(self) -> None:
        """Tell of the beginning; the INVITE did not wait for that."""
        if self._opening:
            work = partial(write_effects, self.attempt, self.state, self._opening, self.state.dialled_at)
            try:
                await self.around.database.run(work)
            except DatabaseError:
                logger.exception("call %s: its beginning could not be told", self.id)
        self._at_work = False

    async def _handle(self, mail: _Mail) -> None:
        try:
            if mail.event is None:
                await self._reload()
            else:
                await self._apply(mail.event, mail.also)
        except asyncio.CancelledError:
            if mail.done is not None:
                mail.done.cancel()
            raise
        except Exception as error:
            if mail.done is not None and not mail.done.done():
                mail.done.set_exception(error)
            else:
                self.out_of_step = True
                logger.exception("call %s: %s failed", self.id, type(mail.event).__name__)
        else:
            if mail.done is not None and not mail.done.done():
                mail.done.set_result(self.state)

    async def _apply(self, event: ev.CallEvent, also: Also) -> None:
        event = self._with_stats(event)
        for attempt_number in range(WRITE_TRIES):
            old = self.state
            state, effects = machine.transition(old, event)
            if state == old and not effects and also is None:
                return
            if attempt_number == 0:
                await self._arrange(effects)
            seen_now = await self._look(state, effects)
            try:
                await self._write(state, effects, event.at, seen_now, also)
            except StaleStateError as stale:
                self._take(stale.attempt, stale.state)
                if self._taken_away:
                    raise machine.UndefinedTransitionError(self.state.phase, event) from stale
                continue
            except DatabaseError:
                if attempt_number == WRITE_TRIES - 1:
                    raise
                logger.warning("call %s: the database failed, trying again", self.id, exc_info=True)
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            note_transition(old, state, self.attempt.trunk_id)
            self._take(self.attempt, state)
            await self._carry_out(effects)
            return
        raise RuntimeError("the call's state was written by others each time")

    async def _write(self, state: CallState, effects: tuple[fx.Effect, ...], at: float, seen: Seen, also: Also) -> None:
        # the attempt's fields are set in the thread; nobody else touches them meanwhile, since this actor waits
        work = partial(
            write_transition, self.attempt, self.attempt.version, state, effects, at=at, seen=seen, also=also
        )
        await self.around.database.run(work)

    def _take(self, attempt: Attempt, state: CallState) -> None:
        before = self.state.legs()
        self.attempt, self.state = attempt, state
        self.around.legs_changed(self.id, before, state.legs())
        self._arm()

    async def _reload(self) -> None:
        fresh = await self.around.database.run(load_attempt, self.id)
        if fresh is not None and fresh.version != self.attempt.version:
            self._take(fresh, from_json(fresh.machine))
        self.out_of_step = False

    # --- effects ------------------------------------------------------------------------------------------------------

    async def _arrange(self, effects: tuple[fx.Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, fx.Connect):
                await self._at_switch(self.around.switch.connect(effect.legs))
            elif isinstance(effect, fx.Park):
                sound = port.ParkSound.MUSIC if effect.music else port.ParkSound.SILENCE
                await self._at_switch(self.around.switch.park(effect.leg, sound))

    async def _carry_out(self, effects: tuple[fx.Effect, ...]) -> None:
        switch = self.around.switch
        for effect in effects:
            match effect:
                case fx.Record(leg=leg):
                    await self._at_switch(self.around.start_recording(self.attempt, leg))
                case fx.PauseRecording(leg=leg, on=on):
                    await self._at_switch(switch.pause_recording(leg, on))
                case fx.StopPlaying(leg=leg):
                    await self._at_switch(switch.stop_playing(leg))
                case fx.Play(leg=leg, sound=fx.Sound.CONSENT):
                    if not await self._at_switch(self.around.announce(self.attempt, leg)) and leg == self.state.contact:
                        self.tell(ev.NotAnnounced(self.around.moments.now()))
                case fx.Play(leg=leg, sound=sound):
                    if not await self._at_switch(switch.play(leg, self.around.sound(sound))):
                        self.tell(ev.SoundFinished(leg, self.around.moments.now()))
                case fx.HangUp(leg=leg, cause=cause):
                    await self._at_switch(switch.hang_up(leg, cause))
                case fx.RingNext(leg=leg):
                    self.around.ring_next(self, leg)
                case fx.RingManager(handover=handover):
                    if not await self._at_switch(self.around.ring_manager(self.attempt, effect)):
                        self.tell(ev.ManagerUnreachable(self.around.moments.now(), handover))

    async def _at_switch(self, request: Awaitable[None]) -> bool:
        """False when the switch refused. A leg that went meanwhile is no surprise: its `LegHungUp` is on its way."""
        try:
            await request
        except port.SwitchError as error:
            if error.code is not port.SwitchErrorCode.NO_SUCH_LEG:
                logger.warning("call %s: the switch refused: %s (%s)", self.id, error.message, error.code.value)
                self.out_of_step = True
            return False
        return True

    # --- evidence -----------------------------------------------------------------------------------------------------

    def _with_stats(self, event: ev.CallEvent) -> ev.CallEvent:
        """A leg that ended without a last word: what was heard of it before is the evidence."""
        if isinstance(event, ev.HungUp) and not event.stats and event.leg == self.state.contact:
            last = self.around.last_stats(event.leg)
            if seen(last):
                return replace(event, stats=stats_json(last))
        return event

    async def _look(self, state: CallState, effects: tuple[fx.Effect, ...]) -> Seen:
        """The operator leaves: what was seen of both sides until now."""
        if state.operator_left_at is None or self.state.operator_left_at is not None:
            if state.answered and not self.state.answered:
                self._operator_before = self.around.last_stats(state.operator)
            return Seen()
        stats = {leg: self.around.last_stats(leg) for leg in (state.contact, self.state.operator)}
        if any(isinstance(effect, fx.TakeStats) for effect in effects):
            with contextlib.suppress(port.SwitchError):
                stats |= {s.leg: s.stats for s in await self.around.switch.legs() if s.leg in stats}
        contact, operator = stats[state.contact], stats[self.state.operator]
        return Seen(
            contact=stats_json(contact) if seen(contact) else {},
            operator=stats_json(since(operator, self._operator_before)) if seen(operator) else {},
        )

    # --- timers -------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Let exactly the timers run that the state names."""
        wanted = dict(self.state.timers)
        for name in [n for n in self._timers if n.partition("@")[0] not in wanted]:
            self._timers.pop(name).cancel()
        for name, due in wanted.items():
            key = f"{name}@{due}"
            stale = [k for k in self._timers if k.partition("@")[0] == name and k != key]
            for k in stale:
                self._timers.pop(k).cancel()
            if key not in self._timers:
                self._timers[key] = self.around.moments.call_at(due, self._on_timer(name, key))

    def _on_timer(self, name: str, key: str) -> Callable[[], None]:
        def fired() -> None:
            self._timers.pop(key, None)
            self.tell(ev.TimerFired(name, self.around.moments.now()))

        return fired

    def _disarm(self) -> None:
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()

    def _refuse_the_rest(self) -> None:
        while not self._inbox.empty():
            done = self._inbox.get_nowait().done
            if done is not None and not done.done():
                done.set_exception(machine.UndefinedTransitionError(self.state.phase, "anything"))
