"""The switch port in memory, in virtual time: what `switch/port.py` promises, without audio. A fake, not a mock: it keeps
the arrangement of legs, refuses what a switch refuses, and the tests play the far ends."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hearthline.switch import port


class VirtualHandle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualMoments:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self._now = time.time()
        self._order = itertools.count()
        self._due: list[tuple[float, int, VirtualHandle]] = []

    def now(self) -> float:
        return self._now

    def call_at(self, due: float, callback: Callable[[], None]) -> VirtualHandle:
        handle = VirtualHandle(callback)
        heapq.heappush(self._due, (due, next(self._order), handle))
        return handle

    def next_due(self, until: float) -> bool:
        """Go to the next thing that is due by then and do it; False when there is none."""
        while self._due and self._due[0][0] <= until:
            due, _order, handle = heapq.heappop(self._due)
            if handle.callback is not None:
                self._now = max(self._now, due)
                handle.callback()
                return True
        self._now = max(self._now, until)
        return False


@dataclass
class Leg:
    id: str
    kind: port.LegKind
    started_at: float
    state: port.LegState = port.LegState.NEW
    answered_at: float | None = None
    others: set[str] = field(default_factory=set)
    parked: port.ParkSound = port.ParkSound.SILENCE
    destination: port.Destination | None = None
    caller_id: str = ""
    trunk: port.Trunk | None = None
    recording: str | None = None
    recording_since: float = 0.0
    recording_paused: bool = False
    playing: str | None = None
    offers: int = 0
    muted: bool = False
    digits: str = ""
    listens_to: tuple[str, port.ListenMode] | None = None
    voice_in_ms: float = 0.0
    voice_out_ms: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    max_duration_s: int = 0


VOICE_SHARE = 0.45  # of the time that two legs are connected, each speaks this much


class FakeSwitch:
    def __init__(self, moments: VirtualMoments) -> None:
        self.moments = moments
        self._legs: dict[str, Leg] = {}
        self.gone: list[str] = []
        self.requests: list[tuple[str, object]] = []
        self.refuse: dict[str, port.SwitchErrorCode] = {}  # request → how it is refused
        self.accounts: list[port.PhoneAccount] = []
        self.watched: list[port.WatchedNumber] = []
        self.registered: set[str] = set()
        self.reachable = True
        self.kept: dict[str, port.Trunk] = {}
        self.muted = False  # events are lost, as when nobody listens
        self._events: asyncio.Queue[port.SwitchEvent] = asyncio.Queue()
        self._accrued_at = moments.now()

    # --- the port -----------------------------------------------------------------------------------------------------

    async def open_browser_leg(self, leg: str, offer: str, *, tags: dict[str, str] | None = None) -> str:
        self._asked("open_browser_leg", leg)
        if not offer.startswith("v=0"):
            raise port.SwitchError(port.SwitchErrorCode.BAD_OFFER, "no SDP")
        found = self._legs.get(leg)
        if found is None:
            found = self._legs[leg] = Leg(leg, port.LegKind.BROWSER, self.moments.now(), tags=tags or {})
        found.offers += 1
        return "v=0 answer"

    async def ring(
        self, leg: str, destination: port.Destination, *, caller_id: str, timeout_s: int, trunk: port.Trunk | None,
        max_duration_s: int = 0, tags: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._asked("ring", leg)
        if leg in self._legs:
            return
        if destination.number and trunk is None:
            raise port.SwitchError(port.SwitchErrorCode.NO_SUCH_TRUNK, "a number needs a trunk")
        if destination.phone and destination.phone not in self.registered:
            raise port.SwitchError(port.SwitchErrorCode.NOT_REGISTERED, "it is not registered")
        self._legs[leg] = Leg(
            leg, port.LegKind.PHONE, self.moments.now(), destination=destination, caller_id=caller_id, trunk=trunk,
            tags=tags or {}, max_duration_s=max_duration_s,
        )  # fmt: skip
        self.moments.call_at(self.moments.now() + timeout_s, lambda: self._ring_timeout(leg))

    async def hang_up(self, leg: str, cause: int = 16) -> None:
        self._asked("hang_up", leg)
        if leg in self._legs:
            self._end(leg, cause, port.Party.LOCAL)

    async def connect(self, legs: Sequence[str], *, park: port.ParkSound = port.ParkSound.SILENCE) -> None:
        self._asked("connect", tuple(legs))
        for leg in legs:
            self._leg(leg)
        self._accrue()
        for leg in legs:
            for other in self._leave(leg):
                if other not in legs:
                    self._legs[other].parked = park
        for leg in legs:
            self._legs[leg].others = set(legs) - {leg}

    async def park(self, leg: str, sound: port.ParkSound = port.ParkSound.SILENCE) -> None:
        self._asked("park", (leg, sound))
        self._leg(leg)
        self._accrue()
        self._leave(leg)
        self._legs[leg].parked = sound
        self._legs[leg].listens_to = None

    async def listen(self, leg: str, target: str, mode: port.ListenMode) -> None:
        self._asked("listen", (leg, target, mode))
        self._leg(target)
        self._leg(leg).listens_to = (target, mode)

    async def play(self, leg: str, sound: str, *, loop: bool = False) -> None:
        self._asked("play", (leg, Path(sound).name))
        if not sound.endswith(".wav"):
            raise port.SwitchError(port.SwitchErrorCode.BAD_REQUEST, "no such sound")
        self._leg(leg).playing = sound
        self.moments.call_at(self.moments.now() + 1.0, lambda: self._played(leg, sound))

    async def stop_playing(self, leg: str) -> None:
        self._leg(leg).playing = None

    async def mute(self, leg: str, on: bool) -> None:
        self._asked("mute", (leg, on))
        self._leg(leg).muted = on

    async def send_digits(self, leg: str, digits: str) -> None:
        self._asked("send_digits", leg)
        self._leg(leg).digits += digits

    async def record(self, leg: str, path: str) -> None:
        self._asked("record", leg)
        found = self._leg(leg)
        if found.recording is None:
            found.recording, found.recording_since = path, self.moments.now()

    async def stop_recording(self, leg: str) -> None:
        self._finish_recording(self._leg(leg))

    async def pause_recording(self, leg: str, on: bool) -> None:
        self._asked("pause_recording", (leg, on))
        self._leg(leg).recording_paused = on

    async def legs(self) -> list[port.LegSnapshot]:
        self._asked("legs", None)
        self._accrue()
        return [
            port.LegSnapshot(
                leg.id, leg.kind, leg.state, tuple(sorted(leg.others)), leg.started_at, leg.answered_at, leg.recording,
                self._stats(leg), leg.tags,
            )
            for leg in self._legs.values()
        ]  # fmt: skip

    async def load(self) -> port.NodeLoad:
        self._asked("load", None)
        return port.NodeLoad(len(self._legs), sum(bool(leg.others) for leg in self._legs.values()), 1.0, 0.0)

    async def test_trunk(self, trunk: port.Trunk, *, timeout_s: int = 8) -> str:
        self._asked("test_trunk", trunk.name)
        return "The provider accepted the registration."

    async def keep_registered(self, trunks: Sequence[port.Trunk]) -> None:
        self._asked("keep_registered", tuple(trunk.name for trunk in trunks))
        self.kept = {trunk.name: trunk for trunk in trunks if trunk.register}
        for name in self.kept:
            self._tell(port.RegistrationChanged(name, self.moments.now(), True))

    async def accept_phones(self, accounts: Sequence[port.PhoneAccount]) -> None:
        self._asked("accept_phones", len(accounts))
        self.accounts = list(accounts)
        for name in self.registered - {account.name for account in accounts}:
            self.phone_unregisters(name)

    async def registered_phones(self) -> list[str]:
        self._asked("registered_phones", None)
        return sorted(self.registered)

    async def watch_numbers(self, numbers: Sequence[port.WatchedNumber]) -> None:
        self._asked("watch_numbers", len(numbers))
        self.watched = list(numbers)

    async def events(self) -> AsyncIterator[port.SwitchEvent]:
        while True:
            yield await self._events.get()

    # --- the far ends, played by the test -------------------------------------------------------------------------------

    def leg(self, leg: str) -> Leg:
        return self._legs[leg]

    def exists(self, leg: str) -> bool:
        return leg in self._legs

    def phone(self) -> Leg:
        """The one phone leg there is."""
        (leg,) = [leg for leg in self._legs.values() if leg.kind is port.LegKind.PHONE]
        return leg

    def number_called(self, number: str, caller: str, *, rang_ms: int = 8000, trunk: str = "provider") -> None:
        """Somebody outside has called a watched number and given up."""
        self._tell(port.NumberCalled(number, trunk, caller, self.moments.now(), rang_ms))

    def rings(self, leg: str) -> None:
        self._legs[leg].state = port.LegState.RINGING
        self._tell(port.LegRinging(leg, self.moments.now()))

    def sends_early_media(self, leg: str) -> None:
        self._legs[leg].state = port.LegState.EARLY
        self._tell(port.LegEarlyMedia(leg, self.moments.now()))

    def answers(self, leg: str) -> None:
        self._accrue()
        found = self._legs[leg]
        found.state, found.answered_at = port.LegState.UP, self.moments.now()
        self._tell(port.LegAnswered(leg, self.moments.now()))

    def hangs_up(self, leg: str, cause: int = 16, *, sip_status: int | None = None) -> None:
        self._end(leg, cause, port.Party.REMOTE, sip_status)

    def is_lost(self, leg: str) -> None:
        """A browser's consent expired."""
        self._end(leg, 102, port.Party.SWITCH)

    def presses(self, leg: str, digits: str) -> None:
        for digit in digits:
            self._tell(port.LegDigit(leg, self.moments.now(), digit))

    def phone_registers(self, name: str) -> None:
        self.registered.add(name)
        self._tell(port.PhoneRegistered(name, self.moments.now()))

    def phone_unregisters(self, name: str) -> None:
        self.registered.discard(name)
        self._tell(port.PhoneUnregistered(name, self.moments.now()))

    def goes_silent(self, leg: str) -> None:
        self._tell(port.LegMediaStalled(leg, self.moments.now(), 5000))

    def comes_back(self, leg: str) -> None:
        self._tell(port.LegMediaResumed(leg, self.moments.now()))

    def tells_stats(self, leg: str) -> None:
        self._accrue()
        self._tell(port.LegStats(leg, self.moments.now(), self._stats(self._legs[leg])))

    def dies(self) -> None:
        """The process is gone, and with it every leg."""
        self.reachable = False
        self._legs.clear()
        self._tell(port.NodeLost(self.moments.now(), "the socket closed"))

    def is_unreachable(self) -> None:
        self.reachable = False
        self._tell(port.NodeLost(self.moments.now(), "no reply"))

    def is_back(self, *, same_process: bool) -> None:
        self.reachable = True
        self._tell(port.NodeBack(self.moments.now(), same_process))

    def make_stray(self, leg: str) -> None:
        self._legs[leg] = Leg(leg, port.LegKind.PHONE, self.moments.now(), port.LegState.UP)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _asked(self, request: str, about: object) -> None:
        self.requests.append((request, about))
        if not self.reachable:
            raise port.SwitchError(port.SwitchErrorCode.UNREACHABLE, "the switch does not answer")
        if request in self.refuse:
            raise port.SwitchError(self.refuse[request], f"{request} is refused")

    def _leg(self, leg: str) -> Leg:
        found = self._legs.get(leg)
        if found is None:
            raise port.SwitchError(port.SwitchErrorCode.NO_SUCH_LEG, "no such leg")
        return found

    def _leave(self, leg: str) -> set[str]:
        """Take the leg out of its arrangement; who was with it."""
        left = self._legs[leg].others
        for other in left:
            self._legs[other].others.discard(leg)
            if not self._legs[other].others:
                self._legs[other].parked = port.ParkSound.SILENCE
        self._legs[leg].others = set()
        return left

    def _ring_timeout(self, leg: str) -> None:
        found = self._legs.get(leg)
        if found is not None and found.state is not port.LegState.UP:
            self._end(leg, 19, port.Party.SWITCH)

    def _played(self, leg: str, sound: str) -> None:
        found = self._legs.get(leg)
        if found is not None and found.playing == sound:
            found.playing = None
            self._tell(port.SoundFinished(leg, self.moments.now(), sound))

    def _end(self, leg: str, cause: int, by: port.Party, sip_status: int | None = None) -> None:
        self._accrue()
        found = self._legs[leg]
        self._leave(leg)
        self._finish_recording(found)
        del self._legs[leg]
        self.gone.append(leg)
        self._tell(port.LegHungUp(leg, self.moments.now(), cause, by, sip_status, self._stats(found)))

    def _finish_recording(self, leg: Leg) -> None:
        if leg.recording is None:
            return
        duration_ms = round((self.moments.now() - leg.recording_since) * 1000)
        with wave.open(leg.recording, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\0" * (4 * 8 * duration_ms))
        self._tell(port.RecordingStopped(leg.id, self.moments.now(), leg.recording, duration_ms))
        leg.recording = None

    def _accrue(self) -> None:
        passed_ms = (self.moments.now() - self._accrued_at) * 1000
        self._accrued_at = self.moments.now()
        for leg in self._legs.values():
            up = [o for o in leg.others if self._legs[o].state is port.LegState.UP]
            if leg.state is port.LegState.UP and up:
                leg.voice_in_ms += passed_ms * VOICE_SHARE
                leg.voice_out_ms += passed_ms * VOICE_SHARE
            elif leg.state is port.LegState.UP and leg.parked is port.ParkSound.MUSIC:
                leg.voice_out_ms += passed_ms

    def _stats(self, leg: Leg) -> port.MediaStats:
        if leg.state is not port.LegState.UP:
            return port.MediaStats()
        packets = round((self.moments.now() - (leg.answered_at or self.moments.now())) * 50)
        return port.MediaStats(
            packets_in=packets, packets_out=packets, voice_in_ms=round(leg.voice_in_ms),
            voice_out_ms=round(leg.voice_out_ms), codec="PCMU", level_dbfs=-20.0,
        )  # fmt: skip

    def _tell(self, event: port.SwitchEvent) -> None:
        if not self.muted:
            self._events.put_nowait(event)
