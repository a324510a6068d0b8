"""How trunks stand at this node: who is kept registered, who keeps failing and is set aside for a while.

What an admin should see is written to `TrunkStanding` and told as `trunk.changed`; call control itself goes by memory.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q

from hearthline.callcontrol.database import Database
from hearthline.callcontrol.moments import Moments
from hearthline.callcontrol.trunks import ROBOTS, as_port, kept_registered
from hearthline.calls.failover import deserves_another_trunk
from hearthline.calls.models import TrunkStanding
from hearthline.lib import clock
from hearthline.realtime.audiences import STAFF
from hearthline.realtime.bus import Bus
from hearthline.switch import port

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 3  # before a trunk is set aside
ASIDE_S = 60.0  # the first time; doubled each time it fails again
LONGEST_ASIDE_S = 600.0


@dataclass(slots=True)
class _Use:
    trunk: int
    heard: bool = False  # it rang or was answered: the trunk did its work


class TrunkDesk:
    """Touched only from the event loop."""

    def __init__(self, switch: port.Switch, database: Database, bus: Bus, node: str, moments: Moments) -> None:
        self._switch, self._database, self._bus = switch, database, bus
        self._node, self._moments = node, moments
        self.aside: dict[int, float] = {}  # trunk id → until when (seconds since the epoch)
        self._failures: dict[int, int] = {}  # in a row
        self._use: dict[port.LegId, _Use] = {}
        self._kept: list[port.Trunk] | None = None  # what the switch was asked to keep; None: not known
        self._ids: dict[str, int] = {}  # of the trunks that are kept, by name

    # --- registrations ------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """At the start: what was set aside before, so that a restart does not make everybody try it at once."""
        self.aside = await self._database.run(_read_aside, self._node)

    async def keep_registered(self, *, again: bool = False) -> None:
        """Ask the switch for what the admin wants now, if that changed, or `again`: it may have restarted, and tells
        anew how each stands. What cannot be asked for now is asked for at the next look."""
        try:
            rows = await self._database.run(kept_registered)
            wanted = [as_port(row) for row in rows]
            if wanted == self._kept and not again:
                return
            self._kept = None
            self._ids = {row.name: row.pk for row in rows}
            await self._switch.keep_registered(wanted)
            self._kept = wanted
            await self._database.run(_forget_others, self._node, list(self._ids.values()))
        except port.SwitchError as error:
            logger.warning("the switch was not told which trunks to keep registered: %s", error.message)
        except DatabaseError:
            logger.warning("the trunks could not be read", exc_info=True)

    async def note_registration(self, event: port.RegistrationChanged) -> None:
        trunk = self._ids.get(event.trunk)
        if trunk is None:
            return  # not kept any more
        if not event.registered:
            logger.warning("trunk %s is not registered: %s", event.trunk, event.said)
        await self._database.run(_write_registration, trunk, self._node, event)
        await self._tell(trunk, "registered" if event.registered else "refused", event.said)

    # --- how calls go over them ---------------------------------------------------------------------------------------

    def begun(self, leg: port.LegId, trunk: int) -> None:
        self._use[leg] = _Use(trunk)

    def refused(self, leg: port.LegId, *, by_trunk: bool) -> TrunkNews | None:
        """The switch did not even call."""
        use = self._use.pop(leg, None)
        return self._failed(use.trunk, port.LegHungUp(leg, self._moments.now(), 41, port.Party.SWITCH)) if (
            use is not None and by_trunk
        ) else None  # fmt: skip

    @property
    def channels(self) -> int:
        """How many legs of this node go over a trunk now."""
        return len(self._use)

    def carries(self, leg: port.LegId) -> bool:
        return leg in self._use

    def take(self, event: port.SwitchEvent) -> TrunkNews | None:
        """What an event means for its leg's trunk; news that are to be kept and told (`tell`)."""
        match event:
            case port.LegRinging(leg=leg) | port.LegAnswered(leg=leg) if leg in self._use:
                self._use[leg].heard = True
                return self._worked(self._use[leg].trunk)
            case port.LegHungUp(leg=leg) if leg in self._use:
                return self._ended(self._use.pop(leg), event)
            case _:
                return None

    def _ended(self, use: _Use, event: port.LegHungUp) -> TrunkNews | None:
        if use.heard or event.by is port.Party.LOCAL:
            return None
        if deserves_another_trunk(cause=event.cause, sip_status=event.sip_status, heard=False):
            return self._failed(use.trunk, event)
        return self._worked(use.trunk) if event.sip_status is not None else None

    def _worked(self, trunk: int) -> TrunkNews | None:
        self._failures.pop(trunk, None)
        return TrunkNews(trunk) if self.aside.pop(trunk, None) is not None else None

    def _failed(self, trunk: int, event: port.LegHungUp) -> TrunkNews | None:
        if trunk == ROBOTS:
            return None  # there is no other way to them, and nobody to be told but who runs them
        failures = self._failures[trunk] = self._failures.get(trunk, 0) + 1
        now = self._moments.now()
        if failures < FAILURES_IN_A_ROW or self.aside.get(trunk, 0.0) > now:
            return None
        until = now + min(LONGEST_ASIDE_S, ASIDE_S * 2 ** min(failures - FAILURES_IN_A_ROW, 10))
        self.aside[trunk] = until
        return TrunkNews(trunk, until, event.cause, event.sip_status)

    async def tell(self, news: TrunkNews) -> None:
        """Keep it for the admin's pages, and tell them."""
        logger.warning("trunk %s is %s", news.trunk, "set aside: it keeps failing" if news.aside_until else "back")
        await self._database.run(_write_aside, self._node, news)
        message = f"{news.cause}/{news.sip_status or '-'}" if news.aside_until else ""
        await self._tell(news.trunk, "set_aside" if news.aside_until else "working", message)

    async def _tell(self, trunk: int, state: str, message: str) -> None:
        payload: dict[str, Any] = {"trunk": trunk, "state": state, "message": message[:300], "node": self._node}
        await self._database.run(self._bus.publish, "trunk.changed", payload, audiences=(STAFF,))


@dataclass(frozen=True, slots=True)
class TrunkNews:
    """A trunk was set aside (`aside_until`, seconds since the epoch), or works again (None)."""

    trunk: int
    aside_until: float | None = None
    cause: int | None = None
    sip_status: int | None = None


def _read_aside(node: str) -> dict[int, float]:
    rows = TrunkStanding.objects.filter(node=node, aside_until__gt=clock.now())
    return {trunk: until.timestamp() for trunk, until in rows.values_list("trunk_id", "aside_until") if until}


def _write_registration(trunk: int, node: str, event: port.RegistrationChanged) -> None:
    told_at = clock.from_timestamp(event.at)
    with transaction.atomic():
        TrunkStanding.objects.get_or_create(trunk_id=trunk, node_id=node)
        rows = TrunkStanding.objects.filter(Q(told_at=None) | Q(told_at__lte=told_at), trunk=trunk, node=node)
        rows.update(registered=event.registered, said=event.said[:300], told_at=told_at)


def _forget_others(node: str, kept: list[int]) -> None:
    others = TrunkStanding.objects.filter(node=node).exclude(trunk__in=kept)
    others.exclude(registered=None).update(registered=None, said="", told_at=None)


def _write_aside(node: str, news: TrunkNews) -> None:
    until = clock.from_timestamp(news.aside_until) if news.aside_until is not None else None
    TrunkStanding.objects.update_or_create(
        trunk_id=news.trunk, node_id=node,
        defaults={"aside_until": until, "aside_cause": news.cause, "aside_status": news.sip_status},
    )  # fmt: skip
