"""Calls on their way out: begun, begun once more, without a channel, without a word from the provider."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from hearthline.switch.freeswitch import dialling
from hearthline.switch.freeswitch.legs import Leg
from hearthline.switch.port import LegState, SwitchError, SwitchErrorCode, Trunk

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

log = logging.getLogger(__name__)

_CLOCK_S = 0.05  # FreeSWITCH reads the time now and then only: its seconds begin a little later
_TRIES = 3  # of a call whose trunk begins too many in one second


class Ringing:
    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._counts = False
        self._tried: set[str] = set()  # trunks that are being tried because they said nothing

    async def learn(self) -> None:
        """What this FreeSWITCH can do; after each connection."""
        self._counts = await self._engine.socket.api("module_exists mod_hash") == "true"
        if not self._counts:
            log.error("freeswitch: mod_hash is not there: trunks with limits cannot be used")

    async def begin(self, leg: Leg) -> None:
        """Send the leg's command. Raises SwitchError(UNREACHABLE) when it is unknown whether it began."""
        tries = leg.tries
        job = await self._engine.socket.begin(leg.command)
        self._engine.spawn(self._originated(leg, job, tries), "originate")

    async def require_channel(self, trunk: Trunk) -> None:
        """FreeSWITCH would tell a trunk that is full as a failed call; the port wants to know at once."""
        if not (trunk.max_channels or trunk.max_calls_per_s):
            return
        if not self._counts:
            raise SwitchError(
                SwitchErrorCode.FAILED, "FreeSWITCH cannot keep the trunk's limits: its module mod_hash is not there."
            )
        used = await self._engine.socket.api(f"limit_usage hash trunks {dialling.limit_id(trunk)}")
        if used.isdigit() and 0 < trunk.max_channels <= int(used):
            raise SwitchError(SwitchErrorCode.OVERLOADED, "All channels of the trunk are in use.")

    def again(self, leg: Leg) -> bool:
        """A call that came a moment too late for its second is begun in the next one. Whether it will be."""
        if leg.tries >= _TRIES or not leg.command or leg.asked_to_end is not None:
            return False
        leg.tries += 1
        self._engine.spawn(self._ring_again(leg), "ring in the next second")
        return True

    async def _ring_again(self, leg: Leg) -> None:
        await asyncio.sleep(1.0 + _CLOCK_S - time.time() % 1.0)
        if leg.asked_to_end is not None:
            self._engine.ended_unseen(leg, *leg.asked_to_end)
        else:
            await self.begin(leg)

    async def _originated(self, leg: Leg, job: asyncio.Future[str], tries: int) -> None:
        """An `originate` that made no channel has no event that tells of its end."""
        try:
            reply = await job
        except SwitchError:
            return  # the connection is lost: what became of the call is seen when it is back
        if reply.startswith("-ERR"):
            await asyncio.sleep(1.0)
            if leg.state is not LegState.GONE and leg.tries == tries:
                self._engine.ended_without_channel(leg, reply.partition(" ")[2])

    async def why_silent(self, trunk: Trunk) -> str:
        """A clause on what is wrong with a provider that FreeSWITCH gets nothing from, by trying it; empty: it answers."""
        try:
            await self._engine.test_trunk(trunk)
        except SwitchError as error:
            return error.message.rstrip(".")
        return ""

    async def log_why_silent(self, trunk: Trunk) -> None:
        """FreeSWITCH tells a certificate that it refuses by its silence, like a provider that is away."""
        if trunk.name not in self._tried:
            self._tried.add(trunk.name)
            try:
                why = await self.why_silent(trunk)
            finally:
                self._tried.discard(trunk.name)
            if why:
                log.warning("freeswitch: trunk %s: %s", trunk.name, why)
