"""Looking at the legs a few times a second: have browsers come, does audio come, is a time over; statistics; load."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hearthline.switch.embedded.sip.causes import NO_ANSWER, TIMER_EXPIRY
from hearthline.switch.freeswitch.legs import Leg
from hearthline.switch.freeswitch.meter import LONGEST_S, Meter
from hearthline.switch.freeswitch.recording import stereo
from hearthline.switch.port import (
    LegAnswered,
    LegKind,
    LegMediaResumed,
    LegMediaStalled,
    LegState,
    LegStats,
    NodeLoad,
    Party,
    SwitchError,
)

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

log = logging.getLogger(__name__)

_LOOK_S = 0.1
_SUSPECT_LOOK_S = 0.2  # how often a leg that says nothing is asked for its packets
_MANY = 50  # legs asked for their packets at once
_CPU_WINDOW = 6  # samples, one a second


def _ask_stats(channel: str) -> str:
    return "json " + json.dumps({"command": "mediaStats", "data": {"uuid": channel}}, separators=(",", ":"))


class Watch:
    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._task: asyncio.Task[None] | None = None
        self._cpu: deque[tuple[float, int]] = deque(maxlen=_CPU_WINDOW)  # (monotonic, milliseconds used)

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="freeswitch: watch")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._engine.socket.connected:
                continue
            try:
                await self._look(time.monotonic())
            except SwitchError as error:
                log.debug("freeswitch: watching: %s", error.message)
            except Exception:
                log.exception("freeswitch: watching failed; it goes on")

    # --- one look -----------------------------------------------------------------------------------------------------

    async def _look(self, now: float) -> None:
        legs = list(self._engine.legs_here.values())
        wanted = [leg for leg in legs if self._wants_counting(leg, now)]
        await self.measure(wanted)
        await self._sample_cpu(now)
        for leg in legs:
            if leg.state is LegState.GONE:
                continue
            if leg.kind is LegKind.BROWSER and leg.state is LegState.NEW and leg.rtp.packets_in > 0:
                self._browser_came(leg)
            if leg.state is LegState.UP:
                self._watch_audio(leg, time.monotonic())
                await self._renew_guard(leg, now)
            if leg.give_up_at and now >= leg.give_up_at and leg.asked_to_end is None:
                rings = leg.kind is LegKind.PHONE and leg.state is not LegState.UP
                await self._engine.end(leg, NO_ANSWER if rings else TIMER_EXPIRY, Party.SWITCH)

    def _wants_counting(self, leg: Leg, now: float) -> bool:
        if leg.kind is LegKind.BROWSER and leg.state is LegState.NEW:
            return True
        if leg.state is not LegState.UP:
            return False
        quiet_s = now - max(leg.meter.sounded_at if leg.meter else 0.0, leg.up_since)
        suspect = leg.stalled or 1000 * quiet_s > self._engine.config.stalled_after_ms / 2
        return now >= leg.stats_due or (suspect and now - leg.looked_at >= _SUSPECT_LOOK_S)

    def _browser_came(self, leg: Leg) -> None:
        at = time.time()
        leg.state, leg.answered_at, leg.give_up_at = LegState.UP, at, 0.0
        self.begins(leg)
        self._engine.spawn(self._disarm(leg), "put off a timer")
        self._engine.emit(LegAnswered(leg.id, at))

    async def _disarm(self, leg: Leg) -> None:
        await self._engine.socket.api(f"sched_del {leg.id}")

    def begins(self, leg: Leg, *, adopted: bool = False) -> None:
        """A leg is up: its times, its meter. `adopted`: it was up before this process knew of it."""
        now = time.monotonic()
        config = self._engine.config
        leg.up_since = leg.heard_at = now
        leg.stats_due = now + config.stats_interval_s
        if leg.kind is LegKind.PHONE:
            leg.give_up_at = now + leg.max_duration_s
            leg.renew_guard_at = now + config.orphan_limit_s / 3
        self._engine.spawn(self.start_meter(leg, adopted=adopted), "start a meter")

    async def _renew_guard(self, leg: Leg, now: float) -> None:
        """FreeSWITCH ends a phone call by itself when nobody puts that off: it outlives call control by a bounded time."""
        if leg.kind is not LegKind.PHONE or not leg.renew_guard_at or now < leg.renew_guard_at:
            return
        config = self._engine.config
        leg.renew_guard_at = now + config.orphan_limit_s / 3
        left_s = int(min(leg.give_up_at - now, config.orphan_limit_s)) + 2
        await self._engine.socket.api(f"sched_del {leg.id}")
        await self._engine.socket.api(f"sched_hangup +{max(1, left_s)} {leg.id} allotted_timeout")

    # --- meters -------------------------------------------------------------------------------------------------------

    async def start_meter(self, leg: Leg, *, adopted: bool = False) -> None:
        if leg.state is LegState.GONE:
            return
        path = self._engine.config.meter_folder / f"{leg.id}.raw"
        if adopted:  # the last process's pipe has no reader any more
            await self._engine.socket.api(f"uuid_record {leg.id} stop {path}")
        if leg.meter is None:
            try:
                leg.meter = Meter(path)
            except OSError as error:
                log.error("freeswitch: a leg cannot be measured: %s", error.strerror)
                return
        leg.meter.expect()
        await self._engine.socket.api(
            f"uuid_record {leg.id} start {leg.meter.path} {LONGEST_S} {stereo(self._engine.config.meter_buffer_ms)}"
        )

    def meter_stopped(self, leg: Leg) -> None:
        if leg.state is LegState.UP:
            self._engine.spawn(self.start_meter(leg), "go on with a meter")

    # --- packets ------------------------------------------------------------------------------------------------------

    async def measure(self, legs: Sequence[Leg]) -> None:
        """Ask FreeSWITCH for the packets of these legs."""
        for at in range(0, len(legs), _MANY):
            await asyncio.gather(*(self._count(leg) for leg in legs[at : at + _MANY]))

    async def _count(self, leg: Leg) -> None:
        leg.looked_at = time.monotonic()
        reply = await self._engine.socket.api(_ask_stats(leg.id))
        try:
            audio = json.loads(reply)["response"]["audio"]
            packets_in, packets_out = int(audio["in_media_packet_count"]), int(audio["out_media_packet_count"])
        except (ValueError, KeyError, TypeError):
            return  # no audio yet, or the channel is gone
        rtp = leg.rtp
        rtp.packets_in, rtp.packets_out = packets_in, packets_out
        if rtp.packets_in != leg.heard_packets:
            leg.heard_packets, leg.heard_at = rtp.packets_in, time.monotonic()

    def _watch_audio(self, leg: Leg, now: float) -> None:
        engine, config = self._engine, self._engine.config
        sounded = leg.meter.sounded_at if leg.meter is not None else 0.0
        silent_ms = int(1000 * (now - max(leg.heard_at, sounded, leg.up_since)))
        if leg.stalled:
            if silent_ms < 2000 * _SUSPECT_LOOK_S:
                leg.stalled = False
                engine.emit(LegMediaResumed(leg.id, time.time()))
        elif silent_ms >= config.stalled_after_ms:
            leg.stalled = True
            engine.emit(LegMediaStalled(leg.id, time.time(), silent_ms))
        if now >= leg.stats_due:
            leg.stats_due = now + config.stats_interval_s
            engine.emit(LegStats(leg.id, time.time(), leg.stats(now)))

    # --- load ---------------------------------------------------------------------------------------------------------

    async def _sample_cpu(self, now: float) -> None:
        if self._cpu and now - self._cpu[-1][0] < 1.0:
            return
        user, _, kernel = (await self._engine.socket.api("getcputime")).partition(",")
        if user.strip().isdigit() and kernel.strip().isdigit():
            self._cpu.append((now, int(user) + int(kernel)))

    def _cpu_percent(self) -> float:
        """Of one core, of FreeSWITCH alone, over the last seconds."""
        if len(self._cpu) < 2:
            return 0.0
        (began, used), (now, total) = self._cpu[0], self._cpu[-1]
        return round((total - used) / (10 * (now - began)), 1)

    async def load(self) -> NodeLoad:
        legs = self._engine.legs_here.values()
        return NodeLoad(
            legs=len(legs),
            connected=sum(1 for leg in legs if leg.group is not None),
            cpu_percent=self._cpu_percent(),
            late_tick_percent=self._engine.probe.late_percent(),
        )
