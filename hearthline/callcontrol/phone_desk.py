"""Telephones as lines: rung, answered, confirmed by a key, kept open, rung once more when lost in mid-call, given up.

A telephone's leg is a line as a browser's is; calls do not know the difference. What differs is here: a telephone that is
picked up is not yet a person (it may be a mailbox, or a stranger), so a key must be pressed first; and it costs money while it
is open, so it ends by itself when nobody uses it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings

from hearthline.callcontrol import lines, phone_lines
from hearthline.callcontrol.moments import Handle
from hearthline.callcontrol.phone_lines import Press, Ringing
from hearthline.callcontrol.translation import id_of, leg_of
from hearthline.calls import call_events as ev
from hearthline.calls.call_effects import Sound
from hearthline.calls.commands import CallBack, MuteLine, OpenPhoneLine
from hearthline.calls.models import Line, LineKind, LineState
from hearthline.switch import port

if TYPE_CHECKING:
    from hearthline.callcontrol.conductor import Conductor

logger = logging.getLogger(__name__)

LOOKS_BEFORE_GONE = 2  # looks of the reconciler in which the switch did not know a leg before its end is written down


class PhoneDesk:
    """Of one node. `handle` is called by the line desk, event after event."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._phones: set[str] = set()
        self._timers: dict[str, Handle] = {}  # leg → when it is given up: no key was pressed, nothing is heard
        self._missing: dict[UUID, int] = {}
        self._muting = asyncio.Lock()  # the switch and the database hear of presses in the same order

    def has(self, leg: str) -> bool:
        return leg in self._phones

    # --- opening ------------------------------------------------------------------------------------------------------

    async def open(self, command: OpenPhoneLine) -> Line:
        """Ring the person's telephone. Raises ExchangeError, SwitchError."""
        conductor = self._conductor
        ringing = await conductor.database.run(
            phone_lines.prepare_phone_line, command, node=conductor.node, wanted=conductor.wanted(uuid4().hex)
        )
        await self._ring(ringing)
        for replaced in ringing.replaced:
            await conductor.switch.hang_up(leg_of(replaced))
        return ringing.line

    async def _ring(self, ringing: Ringing) -> None:
        if ringing.destination is None:
            return
        conductor, line = self._conductor, ringing.line
        leg = leg_of(line.pk)
        self.adopt(line)
        try:
            await conductor.ring_line(leg, ringing.destination, ringing.trunk, longest_s=ringing.longest_s)
        except port.SwitchError:
            self.forget(leg)
            await conductor.database.run(lines.line_is_gone, line.pk, "failed")
            raise

    def adopt(self, line: Line) -> None:
        """Listen for this line's leg; also after a restart."""
        leg = leg_of(line.pk)
        if leg in self._phones:
            return
        self._phones.add(leg)
        self._conductor.line_desk.adopt(line)
        if line.state == LineState.OPENING and line.answered_at is not None:
            self._give_up_at(leg, line.answered_at.timestamp() + settings.HEARTHLINE.phone_confirm_s, "not_confirmed")
        elif line.state == LineState.STALLED:
            self._give_up_later(leg, settings.HEARTHLINE.line_grace_s, "silent")

    def forget(self, leg: str) -> None:
        self._phones.discard(leg)
        self._keep(leg)
        self._conductor.line_desk.forget(leg)

    # --- what the switch tells ----------------------------------------------------------------------------------------

    async def handle(self, event: port.SwitchEvent) -> None:
        run = self._conductor.database.run
        match event:
            case port.LegAnswered(leg=leg, at=at):
                await self._answered(leg, at)
            case port.LegDigit(leg=leg, digit=digit):
                await self._pressed(leg, digit)
            case port.LegMediaStalled(leg=leg, silent_ms=silent_ms):
                await run(phone_lines.stalled, _id(leg), silent_ms)
                if leg not in self._timers:  # else it waits for a key, and is given up soon anyway
                    self._give_up_later(leg, settings.HEARTHLINE.line_grace_s, "silent")
            case port.LegMediaResumed(leg=leg):
                if await run(phone_lines.is_confirmed, _id(leg)):
                    self._keep(leg)
                    await run(lines.line_resumed, _id(leg))
            case port.LegHungUp(leg=leg, at=at, cause=cause, by=by):
                self.forget(leg)
                if await run(phone_lines.gone, _id(leg), at, cause, by):
                    self._conductor.spawn(self._redial(_id(leg)), "ring a lost telephone once more")
            case _:
                return

    async def _answered(self, leg: str, at: float) -> None:
        line = await self._conductor.database.run(phone_lines.answered, _id(leg), at)
        if line is None:
            return
        if line.kind == LineKind.SIP_PHONE:
            await self._open_up(leg)  # it registered with a password of its own, and has no mailbox
            return
        self._give_up_later(leg, settings.HEARTHLINE.phone_confirm_s, "not_confirmed")
        await self._play(leg, Sound.PRESS_A_KEY, loop=True)

    async def _pressed(self, leg: str, digit: str) -> None:
        match await self._conductor.database.run(phone_lines.pressed, _id(leg), digit):
            case Press.OPEN:
                await self._open_up(leg)
            case Press.REFUSED:
                await self.close(leg, "code_wrong")

    async def _open_up(self, leg: str) -> None:
        conductor = self._conductor
        self._keep(leg)
        going = await conductor.database.run(phone_lines.open_up, _id(leg))
        if going is None:
            return
        await self._play(leg, Sound.LINE_OPEN)
        now = conductor.moments.now()
        await conductor.go_on(going.as_operator, ev.OperatorReturned(leg, now), going.line)
        await conductor.go_on(going.as_manager, ev.ManagerReturned(leg, now), None)

    async def _play(self, leg: str, sound: Sound, *, loop: bool = False) -> None:
        try:
            await self._conductor.switch.play(leg, self._conductor.sound(sound), loop=loop)
        except port.SwitchError as error:
            logger.warning("telephone %s: the switch refused a sound: %s", leg, error.message)

    async def _redial(self, lost: UUID) -> None:
        conductor = self._conductor
        await self._ring_by_itself(
            await conductor.database.run(
                phone_lines.prepare_redial, lost, node=conductor.node, wanted=conductor.wanted(uuid4().hex)
            )
        )

    async def call_back(self, command: CallBack) -> None:
        """A telephone that another node had as a line."""
        conductor = self._conductor
        await conductor.pause(command.after_s)
        await self._ring_by_itself(
            await conductor.database.run(
                phone_lines.prepare_call_back, command.line, command.user, node=conductor.node,
                wanted=conductor.wanted(uuid4().hex),
            )
        )  # fmt: skip

    async def _ring_by_itself(self, ringing: Ringing | None) -> None:
        if ringing is None:
            return
        try:
            await self._ring(ringing)
        except port.SwitchError as error:
            logger.warning("telephone %s could not be rung once more: %s", ringing.line.pk, error.message)

    async def mute(self, command: MuteLine) -> None:
        """Raises ExchangeError, SwitchError."""
        conductor = self._conductor
        async with self._muting:
            line = await conductor.database.run(phone_lines.telephone_to_mute, command.line, user=command.user)
            await conductor.switch.mute(leg_of(line.pk), command.on)
            await conductor.database.run(phone_lines.note_muted, line, command.on)

    # --- giving up ----------------------------------------------------------------------------------------------------

    async def close(self, leg: str, reason: str) -> None:
        """The exchange ends a telephone's line."""
        await self._conductor.database.run(phone_lines.close, _id(leg), reason)
        try:
            await self._conductor.switch.hang_up(leg)
        except port.SwitchError as error:  # it is an orphan now, and the reconciler hangs it up
            logger.warning("telephone %s could not be hung up: %s", leg, error.message)

    def _give_up_later(self, leg: str, seconds: float, reason: str) -> None:
        self._give_up_at(leg, self._conductor.moments.now() + seconds, reason)

    def _give_up_at(self, leg: str, due: float, reason: str) -> None:
        self._keep(leg)

        def fired() -> None:
            self._timers.pop(leg, None)
            self._conductor.spawn(self.close(leg, reason), "give a telephone up")

        self._timers[leg] = self._conductor.moments.call_at(due, fired)

    def _keep(self, leg: str) -> None:
        timer = self._timers.pop(leg, None)
        if timer is not None:
            timer.cancel()

    # --- the reconciler's looks ---------------------------------------------------------------------------------------

    async def take_up(self, line: Line, snapshot: port.LegSnapshot | None) -> None:
        """An open line of this node and its leg: after a restart, and at every look."""
        leg = leg_of(line.pk)
        if snapshot is None:
            self.forget(leg)
            await self._conductor.database.run(phone_lines.went_unseen, line.pk, self._conductor.moments.now())
            return
        known = self.has(leg)
        self.adopt(line)
        if snapshot.state is not port.LegState.UP:
            return
        if line.answered_at is None:
            await self._answered(leg, snapshot.answered_at or self._conductor.moments.now())
        elif not known:  # whoever was asked to mute it may have died between the switch and the database
            await self._conductor.switch.mute(leg, line.muted)

    async def look(self, legs: set[str]) -> None:
        """Write down what is up and what has gone, and end what runs up a bill for nothing."""
        conductor = self._conductor
        now = conductor.moments.now()
        running = await conductor.database.run(phone_lines.running, conductor.node)
        await conductor.database.run(phone_lines.seen, [line.pk for line in running if leg_of(line.pk) in legs], now)
        missing = {line.pk: self._missing.get(line.pk, 0) + 1 for line in running if leg_of(line.pk) not in legs}
        for line in [line for line, looks in missing.items() if looks >= LOOKS_BEFORE_GONE]:
            await conductor.database.run(phone_lines.went_unseen, line, now)
            del missing[line]
        self._missing = missing
        for id, reason in await conductor.database.run(phone_lines.to_be_closed, running, now):
            await self.close(leg_of(id), reason)


def _id(leg: str) -> UUID:
    id = id_of(leg)
    assert id is not None  # it was adopted from a row
    return id
