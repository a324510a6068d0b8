"""Every few seconds: is what the database says what the switch does? These are the longest times anything may stay wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from hearthline.callcontrol import node_life, ownership, phone_moves, recordings, recovery, trunks
from hearthline.callcontrol.conductor import Conductor
from hearthline.callcontrol.node_life import NodeReplacedError
from hearthline.calls import call_events as ev
from hearthline.calls.call_state import Phase
from hearthline.calls.commands import queue_of
from hearthline.calls.models import HandOver, HandOverState
from hearthline.calls.nodes import NO_QUEUE
from hearthline.campaigns import exports
from hearthline.campaigns.imports import uploads
from hearthline.dialing import services as dialing
from hearthline.lib import clock
from hearthline.realtime.audiences import STAFF
from hearthline.switch import port

logger = logging.getLogger(__name__)

# In looks, each `reconcile_every_s` (5 s) apart. A leg is judged on its second look, so that one which is just being made
# or just hung up is left alone.
LOOKS_BEFORE_ACTING = 2
ORPHAN_BOUND_S = 15  # a leg that belongs to nobody is hung up within this
MISSED_HANG_UP_BOUND_S = 15  # a hang-up that nobody heard ends its call within this
UNDRIVEN_BOUND_S = 10  # an open call that nobody drives (its actor broke) is taken up within this
HANDOVER_BOUND_S = 60  # a hand-over of a call that is over is ended within this
LEASE_BOUND_S = 10  # beyond its own expiry, an undialled assignment goes back within this
RECORDING_BOUND_S = 90  # a recording whose end nobody told is finished within this after its call


class Reconciler:
    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._orphans: dict[str, int] = {}  # leg → in how many looks it belonged to nobody
        self._reached_at = time.monotonic()  # when requests to this node were last known to arrive
        self._missing: dict[tuple[str, str], int] = {}  # (call, leg) → in how many looks the switch did not know it

    async def run(self) -> None:
        while True:
            await asyncio.sleep(settings.HEARTHLINE.reconcile_every_s)
            try:
                await self.look()
            except NodeReplacedError:
                raise
            except port.SwitchError as error:
                logger.warning("the switch could not be compared with the database: %s", error.message)
            except Exception:
                logger.exception("the reconciler failed; it looks again soon")

    async def look(self) -> None:
        """One comparison. Raises SwitchError when the switch cannot be asked."""
        conductor = self._conductor
        await conductor.database.run(housekeeping)
        await self._take_over()
        if not conductor.node_here:
            await self._heartbeat(conductor.admission.without_switch())
            return
        snapshots = {s.leg: s for s in await conductor.switch.legs()}
        await recovery.take_up_calls(conductor)
        for actor in list(conductor.actors.values()):
            if actor.out_of_step:
                await actor.resync()
                actor.tell(ev.NodeBack(conductor.moments.now()))
        self._replay_missed(snapshots)
        await self._end_orphans(set(snapshots))
        await recovery.take_up_lines(conductor, snapshots)
        await recovery.free_channels(conductor, set(snapshots))
        await conductor.trunk_desk.keep_registered()
        await conductor.decoy_desk.look()
        await conductor.phone_desk.look(set(snapshots))
        await conductor.phone_accounts.look()
        await self._heartbeat(conductor.admission.judged(await conductor.switch.load()))

    def _replay_missed(self, snapshots: dict[str, port.LegSnapshot]) -> None:
        conductor = self._conductor
        seen: dict[tuple[str, str], int] = {}
        for actor in list(conductor.actors.values()):
            for event in recovery.missed(actor.state, snapshots, conductor.moments.now()):
                key = (actor.id, f"{type(event).__name__}:{getattr(event, 'leg', '')}")
                seen[key] = self._missing.get(key, 0) + 1
                if seen[key] >= LOOKS_BEFORE_ACTING:
                    logger.warning("call %s: %s was missed and is replayed", actor.id, type(event).__name__)
                    actor.tell(event)
        self._missing = seen

    async def _end_orphans(self, legs: set[str]) -> None:
        conductor = self._conductor
        now = {leg: self._orphans.get(leg, 0) + 1 for leg in recovery.orphans_among(conductor, legs)}
        await recovery.hang_up_orphans(conductor, {leg for leg, looks in now.items() if looks >= LOOKS_BEFORE_ACTING})
        self._orphans = now

    async def _take_over(self) -> None:
        """What a lost node left: its legs are not at this switch, so its calls end by what was known of them."""
        conductor = self._conductor
        lost = await conductor.database.run(node_life.lost_nodes, conductor.node)
        stopped = await asyncio.gather(*(ownership.has_stopped(conductor, name) for name in lost))
        taken: list[str] = []
        for name in [name for name, has_stopped in zip(lost, stopped, strict=True) if has_stopped]:
            found = await conductor.database.run(node_life.take_over, name, conductor.node)
            phone_moves.call_back_elsewhere(conductor, found.telephones)
            taken += found.calls
        if not taken:
            return
        await recovery.take_up_calls(conductor)
        for actor in [conductor.actors[call] for call in taken if call in conductor.actors]:
            for event in recovery.missed(actor.state, {}, conductor.moments.now()):
                actor.tell(event)

    async def _heartbeat(self, load: dict[str, Any]) -> None:
        conductor, asked = self._conductor, time.monotonic()
        if conductor.bus.reached(queue_of(conductor.node)):
            self._reached_at = asked
        else:
            load["full"] = NO_QUEUE
            if await self._cut_off_alone(asked):
                logger.error("node %s is not reached while others are: it is not announced any more", conductor.node)
                return
        draining = await conductor.database.run(node_life.beat, conductor.node, conductor.term, load)
        conductor.heard_at = asked
        if draining:
            await phone_moves.leave(conductor)
        payload = {"node": self._conductor.node, "reason": "", "load": load}
        await self._conductor.database.run(self._conductor.bus.publish, "node.measured", payload, audiences=(STAFF,))

    async def _cut_off_alone(self, now: float) -> bool:
        """Nobody can command this node, and others have what it lacks: by its silence they learn that they may take over."""
        if now - self._reached_at < settings.HEARTHLINE.node_silent_s:
            return False
        return await self._conductor.database.run(node_life.others_are_reached, self._conductor.node)


def housekeeping() -> None:
    """What needs no switch."""
    now = clock.now()
    dialing.expire_leases(now)
    uploads.resume_interrupted(now)
    exports.resume_interrupted(now)
    recordings.finish_abandoned(now)
    trunks.free_channels_of_silent_nodes()
    _end_stuck_handovers()


def _end_stuck_handovers() -> None:
    """Hand-overs whose call has closed, or whose contact is gone, without them."""
    now = clock.now()
    over = Q(attempt__phase=Phase.CLOSED.value) | Q(attempt__ended_at__lt=now - timedelta(seconds=HANDOVER_BOUND_S))
    stuck = HandOver.objects.filter(over, ended_at=None)
    ids = list(stuck.values_list("pk", flat=True)[:100])
    if ids:
        HandOver.objects.filter(pk__in=ids, state=HandOverState.COMPLETED).update(ended_at=now)
        HandOver.objects.filter(pk__in=ids, ended_at=None).update(ended_at=now, state=HandOverState.CONTACT_GONE)
