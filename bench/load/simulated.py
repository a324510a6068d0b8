"""A switch without audio: contacts ring, answer, talk and hang up by a seeded schedule, in real time. For what call control, pages
and database bear; everything that the port tells of legs is told, statistics every five seconds included.
"""

from __future__ import annotations

import asyncio
import random
import time
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from hearthline.switch import port

STATS_S = 5.0
SOUND_S = 2.0  # every sound lasts as long
VOICE_SHARE = 0.45  # of the time that two people talk, each speaks this much


@dataclass(frozen=True, slots=True)
class Habits:
    """Of the contacts. Durations in seconds."""

    busy: float = 0.1  # share
    rings_s: tuple[float, float] = (3.0, 12.0)
    talks_s: float = 120.0  # on average, exponentially
    shortest_s: float = 6.0


@dataclass(slots=True)
class _Leg:
    kind: port.LegKind
    began: float
    state: port.LegState = port.LegState.NEW
    answered_at: float | None = None
    others: frozenset[str] = frozenset()
    recording: str | None = None
    next: asyncio.TimerHandle | None = None  # what its far end does next
    stats: asyncio.TimerHandle | None = None


class SimulatedSwitch:
    def __init__(self, habits: Habits, seed: int = 1) -> None:
        self._habits = habits
        self._chance = random.Random(seed)
        self._legs: dict[str, _Leg] = {}
        self._events: asyncio.Queue[port.SwitchEvent] = asyncio.Queue()
        self._hanging_up = False
        self.told = 0
        self.rung: dict[str, float] = {}  # leg → monotonic time at which it was asked for

    # --- what is asked ------------------------------------------------------------------------------------------------

    async def open_browser_leg(self, leg: str, offer: str, *, tags: dict[str, str] | None = None) -> str:
        if leg not in self._legs:
            self._legs[leg] = _Leg(port.LegKind.BROWSER, time.time())
            self._soon(leg, 0.05, self._answers)
        return "v=0\r\n"

    async def ring(
        self, leg: str, destination: port.Destination, *, caller_id: str, timeout_s: int, trunk: port.Trunk | None,
        max_duration_s: int = 0, tags: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        if leg in self._legs:
            return
        self.rung[leg] = time.monotonic()
        self._legs[leg] = _Leg(port.LegKind.PHONE, time.time())
        self._soon(leg, 0.3, self._rings)

    async def hang_up(self, leg: str, cause: int = 16) -> None:
        if leg in self._legs:
            self._end(leg, cause, port.Party.LOCAL)

    async def connect(self, legs: Sequence[str], *, park: port.ParkSound = port.ParkSound.SILENCE) -> None:
        found = [self._leg(leg) for leg in legs]
        for leg in legs:
            self._part(leg)
        for leg, one in zip(legs, found, strict=True):
            one.others = frozenset(legs) - {leg}

    async def park(self, leg: str, sound: port.ParkSound = port.ParkSound.SILENCE) -> None:
        self._leg(leg)
        self._part(leg)

    async def listen(self, leg: str, target: str, mode: port.ListenMode) -> None:
        self._leg(leg)
        self._leg(target)

    async def play(self, leg: str, sound: str, *, loop: bool = False) -> None:
        self._leg(leg)
        asyncio.get_running_loop().call_later(
            SOUND_S, lambda: self._tell(port.SoundFinished(leg, time.time(), sound)) if leg in self._legs else None
        )

    async def stop_playing(self, leg: str) -> None:
        self._leg(leg)

    async def send_digits(self, leg: str, digits: str) -> None:
        self._leg(leg)

    async def record(self, leg: str, path: str) -> None:
        self._leg(leg).recording = path

    async def stop_recording(self, leg: str) -> None:
        self._finish_recording(leg, self._leg(leg))

    async def legs(self) -> list[port.LegSnapshot]:
        return [
            port.LegSnapshot(
                id, leg.kind, leg.state, tuple(leg.others), leg.began, leg.answered_at, leg.recording, _stats(leg)
            )
            for id, leg in self._legs.items()
        ]

    async def load(self) -> port.NodeLoad:
        connected = sum(bool(leg.others) for leg in self._legs.values())
        return port.NodeLoad(len(self._legs), connected, 1.0, 0.0)

    async def test_trunk(self, trunk: port.Trunk, *, timeout_s: int = 8) -> str:
        return "There is nobody to ask."

    async def keep_registered(self, trunks: Sequence[port.Trunk]) -> None:
        for trunk in trunks:
            self._tell(port.RegistrationChanged(trunk.name, time.time(), True))

    async def accept_phones(self, accounts: Sequence[port.PhoneAccount]) -> None:
        """Nobody registers here."""

    async def registered_phones(self) -> list[str]:
        return []

    async def watch_numbers(self, numbers: Sequence[port.WatchedNumber]) -> None:
        """Nobody calls in here."""

    async def events(self) -> AsyncIterator[port.SwitchEvent]:
        while True:
            yield await self._events.get()

    @property
    def phones(self) -> int:
        """Contacts that are rung or talk."""
        return sum(leg.kind is port.LegKind.PHONE for leg in self._legs.values())

    # --- what the far ends do -----------------------------------------------------------------------------------------

    def _rings(self, leg: str) -> None:
        found = self._legs[leg]
        found.state = port.LegState.RINGING
        self._tell(port.LegRinging(leg, time.time()))
        if self._chance.random() < self._habits.busy:
            self._soon(leg, 1.0, self._is_busy)
        else:
            self._soon(leg, self._chance.uniform(*self._habits.rings_s), self._answers)

    def _is_busy(self, leg: str) -> None:
        self._end(leg, 17, port.Party.REMOTE, 486)

    def _answers(self, leg: str) -> None:
        found = self._legs[leg]
        found.state, found.answered_at = port.LegState.UP, time.time()
        self._tell(port.LegAnswered(leg, found.answered_at))
        self._measure(leg)
        if found.kind is port.LegKind.PHONE and self._hanging_up:
            self._hangs_up_later(leg)

    def begin_to_hang_up(self) -> None:
        """Until now every contact who answered has stayed. An exponential time has no memory, so from here on calls end and
        begin as if it had always been so."""
        self._hanging_up = True
        for leg, found in self._legs.items():
            if found.kind is port.LegKind.PHONE and found.state is port.LegState.UP:
                self._hangs_up_later(leg)

    def _hangs_up_later(self, leg: str) -> None:
        longer = self._chance.expovariate(1 / (self._habits.talks_s - self._habits.shortest_s))
        self._soon(leg, self._habits.shortest_s + longer, self._hangs_up)

    def _hangs_up(self, leg: str) -> None:
        self._end(leg, 16, port.Party.REMOTE)

    def _measure(self, leg: str) -> None:
        found = self._legs[leg]
        self._tell(port.LegStats(leg, time.time(), _stats(found)))
        found.stats = asyncio.get_running_loop().call_later(STATS_S, self._measure, leg)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _soon(self, leg: str, seconds: float, work: Callable[[str], None]) -> None:
        self._legs[leg].next = asyncio.get_running_loop().call_later(seconds, work, leg)

    def _leg(self, leg: str) -> _Leg:
        found = self._legs.get(leg)
        if found is None:
            raise port.SwitchError(port.SwitchErrorCode.NO_SUCH_LEG, "no such leg")
        return found

    def _part(self, leg: str) -> None:
        for other in self._legs[leg].others:
            self._legs[other].others -= {leg}
        self._legs[leg].others = frozenset()

    def _end(self, leg: str, cause: int, by: port.Party, sip_status: int | None = None) -> None:
        self._part(leg)
        found = self._legs.pop(leg)
        for timer in (found.next, found.stats):
            if timer is not None:
                timer.cancel()
        self._finish_recording(leg, found)
        self._tell(port.LegHungUp(leg, time.time(), cause, by, sip_status, _stats(found)))

    def _finish_recording(self, leg: str, found: _Leg) -> None:
        """The file has its header and no audio: what disks bear is not measured here."""
        if found.recording is None:
            return
        with wave.open(found.recording, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
        talked_ms = round(1000 * (time.time() - (found.answered_at or time.time())))
        self._tell(port.RecordingStopped(leg, time.time(), found.recording, talked_ms))
        found.recording = None

    def _tell(self, event: port.SwitchEvent) -> None:
        self.told += 1
        self._events.put_nowait(event)


def _stats(leg: _Leg) -> port.MediaStats:
    if leg.answered_at is None:
        return port.MediaStats()
    up_ms = 1000 * (time.time() - leg.answered_at)
    voice_ms = round(up_ms * VOICE_SHARE)
    return port.MediaStats(
        packets_in=round(up_ms / 20), packets_out=round(up_ms / 20), jitter_ms=3.0, voice_in_ms=voice_ms,
        voice_out_ms=voice_ms, codec="PCMU", level_dbfs=-20.0,
    )  # fmt: skip
