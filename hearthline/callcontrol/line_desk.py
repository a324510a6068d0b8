"""What the switch tells of lines, written and told in order: up, silent, back, gone, and how the audio is."""

from __future__ import annotations

import asyncio
import logging

from hearthline.callcontrol import lines
from hearthline.callcontrol.database import Database
from hearthline.callcontrol.phone_desk import PhoneDesk
from hearthline.callcontrol.translation import id_of, leg_of
from hearthline.calls.models import Line
from hearthline.realtime.bus import Audience, Bus
from hearthline.switch import port

logger = logging.getLogger(__name__)

QUEUE_BOUND = 10_000


class LineDesk:
    def __init__(self, database: Database, bus: Bus, node: str, phones: PhoneDesk) -> None:
        self.node = node
        self._phones = phones
        self._database = database
        self._bus = bus
        self._audience_of: dict[str, tuple[Audience, ...]] = {}
        self._inbox: asyncio.Queue[port.SwitchEvent] = asyncio.Queue(QUEUE_BOUND)
        self._at_work = False

    def adopt(self, line: Line) -> None:
        self._audience_of[leg_of(line.pk)] = lines.audience_of(line)

    def forget(self, leg: str) -> None:
        self._audience_of.pop(leg, None)

    @property
    def idle(self) -> bool:
        return not self._at_work and self._inbox.empty()

    def legs(self) -> set[str]:
        return set(self._audience_of)

    def take(self, event: port.SwitchEvent) -> None:
        """An event of the switch; those of other legs are passed over."""
        if getattr(event, "leg", None) not in self._audience_of:
            return
        try:
            self._inbox.put_nowait(event)
        except asyncio.QueueFull:
            logger.error("more happens to lines than can be written; the reconciler will put it right")

    async def run(self) -> None:
        while True:
            event = await self._inbox.get()
            self._at_work = True
            try:
                await self._handle(event)
            except Exception:
                logger.exception("a line's %s could not be written", type(event).__name__)
            self._at_work = False

    async def _handle(self, event: port.SwitchEvent) -> None:
        run = self._database.run
        if not isinstance(event, port.LegStats) and self._phones.has(getattr(event, "leg", "")):
            await self._phones.handle(event)
            return
        match event:
            case port.LegAnswered(leg=leg):
                await run(lines.line_is_up, _id(leg))
            case port.LegMediaStalled(leg=leg, silent_ms=silent_ms):
                await run(lines.line_stalled, _id(leg), silent_ms)
            case port.LegMediaResumed(leg=leg):
                await run(lines.line_resumed, _id(leg))
            case port.LegHungUp(leg=leg, by=by):
                self.forget(leg)
                await run(lines.line_is_gone, _id(leg), "grace_expired" if by is port.Party.SWITCH else "closed")
            case port.LegStats(leg=leg, stats=stats):
                await run(self._measure, leg, stats)
            case _:
                return

    def _measure(self, leg: str, stats: port.MediaStats) -> None:
        audiences = self._audience_of.get(leg)
        if audiences is None:
            return
        expected = stats.packets_in + stats.lost_in
        self._bus.publish(
            "line.measured",
            {
                "line": str(_id(leg)),
                "loss_percent": round(100 * stats.lost_in / expected, 2) if expected else 0.0,
                "jitter_ms": float(stats.jitter_ms),
                "level_dbfs": stats.level_dbfs,
            },
            audiences=audiences,
        )


def _id(leg: str) -> lines.LineId:
    id = id_of(leg)
    assert id is not None  # it was adopted from a row
    return id
