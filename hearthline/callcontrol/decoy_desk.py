"""Decoy numbers at this node's switch: which are listened for, and writing down who calls them. No number is logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError

from hearthline.lib import clock
from hearthline.quality import decoy_calls, decoys
from hearthline.switch import port

if TYPE_CHECKING:
    from hearthline.callcontrol.conductor import Conductor

logger = logging.getLogger(__name__)

AGAIN_S = 300.0  # after which the switch looks the providers' names up again
MOST_WAITING = 100  # calls that are to be written down; beyond it the database is what is in trouble


class DecoyDesk:
    """Of one node; touched only from the event loop."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._told: list[port.WatchedNumber] | None = None  # what the switch was asked for; None: not known
        self._told_at = 0.0
        self._said = ""  # why the switch refused last
        self._waiting = 0

    async def look(self, *, again: bool = False) -> None:
        """Tell the switch what the admin wants now: when it changed, now and then, and `again` when the switch may have restarted.
        What cannot be told now is told at the next look."""
        conductor = self._conductor
        try:
            rows = await conductor.database.run(decoys.listened_for)
            wanted = [port.WatchedNumber(row.phone, row.trunk, row.hosts) for row in rows]
            now = conductor.moments.now()
            if wanted == self._told and not again and (not wanted or now - self._told_at < AGAIN_S):
                return
            self._told, self._told_at = None, now
            await conductor.switch.watch_numbers(wanted)
            self._told, self._said = wanted, ""
        except port.SwitchError as error:
            if error.message != self._said:  # once, not with every look
                logger.warning("the switch was not told which decoy numbers to listen for: %s", error.message)
            self._said = error.message
        except DatabaseError:
            logger.warning("the decoy numbers could not be read", exc_info=True)

    def take(self, event: port.NumberCalled) -> None:
        if self._waiting >= MOST_WAITING:
            logger.error("a call to a decoy was not written down: too many wait")
            return
        self._waiting += 1
        self._conductor.spawn(self._note(event), "note a call to a decoy")

    async def _note(self, event: port.NumberCalled) -> None:
        call = decoy_calls.Incoming(event.number, event.caller, clock.from_timestamp(event.at), event.rang_ms)
        try:
            row = await self._conductor.database.run(decoy_calls.note, call)
            logger.info(
                "a decoy was called over trunk %s: %s", event.trunk, row.pk if row is not None else "out of use"
            )
        finally:
            self._waiting -= 1
