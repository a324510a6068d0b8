"""The embedded engine: the switch port in this process, over the mixer, browser legs and the SIP user agent.

Everything runs on one event loop; only files are touched on other threads. A tag `codec` of a browser leg ("opus")
puts that codec first for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from hearthline.switch.embedded.browser import BrowserEnd, BrowserLeg
from hearthline.switch.embedded.browser_sdp import OfferError
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.dtls import make_identity
from hearthline.switch.embedded.events import EventLog
from hearthline.switch.embedded.ice import MediaPort
from hearthline.switch.embedded.legs import GoneLegs, Leg, checked_tags
from hearthline.switch.embedded.load import CpuMeter
from hearthline.switch.embedded.mixer import MAX_TOGETHER, Mixer, Seat
from hearthline.switch.embedded.port_errors import port_errors
from hearthline.switch.embedded.recording import Recorder
from hearthline.switch.embedded.rtp import digits_refused
from hearthline.switch.embedded.sip import events as call_events
from hearthline.switch.embedded.sip.registration import Outcome, describe
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.embedded.sounds import Playback, SoundCache, SoundError, hold_music
from hearthline.switch.embedded.ticker import Ticker
from hearthline.switch.embedded.watching import watched
from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegDigit,
    LegEarlyMedia,
    LegHungUp,
    LegId,
    LegKind,
    LegRinging,
    LegSnapshot,
    LegState,
    ListenMode,
    NodeLoad,
    ParkSound,
    Party,
    PhoneAccount,
    PhoneRegistered,
    PhoneUnregistered,
    RecordingStopped,
    RegistrationChanged,
    SoundFinished,
    SwitchError,
    SwitchErrorCode,
    SwitchEvent,
    Trunk,
    WatchedNumber,
)

log = logging.getLogger(__name__)

_LEG_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_REGISTRATIONS = 200
_WATCH_S = 0.2  # how often silence, consent and statistics are looked at
_FEW_LEGS = 20  # with no more than these, late ticks have other reasons than the engine's own work

# Q.850
_NORMAL, _OUT_OF_ORDER, _TEMPORARY, _TIMER = 16, 38, 41, 102
_BROWSER_ENDS = {
    BrowserEnd.CLOSED: (_NORMAL, Party.REMOTE),
    BrowserEnd.CONSENT: (_OUT_OF_ORDER, Party.SWITCH),
    BrowserEnd.NEVER_CAME: (_TIMER, Party.SWITCH),
    BrowserEnd.REFUSED: (_TEMPORARY, Party.SWITCH),
}


def _bad(message: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.BAD_REQUEST, message)


class EmbeddedSwitch:
    """`Switch` in this process. Make it, `await start()`, and `await close()` at the end."""

    def __init__(self, config: EngineConfig | None = None) -> None:
        self.config = config or EngineConfig()
        self.log = EventLog()
        self._legs: dict[LegId, Leg] = {}
        self._gone = GoneLegs()
        self._mixer = Mixer(self._sound_finished)
        self._ticker = Ticker(self._mixer.tick, self._mixer.skip)
        self._sounds = SoundCache()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="recordings")
        self._cpu = CpuMeter()
        self._identity = make_identity()
        self._port: MediaPort | None = None
        self._agent: UserAgent | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Bind and begin. OSError when an address or port cannot be had."""
        config = self.config
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(hold_music)
        self._port = MediaPort(config.media_bind, config.media_port, config.media_advertise)
        try:
            self._agent = await UserAgent.start(
                UserAgentConfig(
                    bind=config.sip_bind,
                    port=config.sip_port,
                    advertised=config.sip_advertise,
                    rtp_ports=config.rtp_ports,
                )
            )
        except OSError:
            self._port.close()
            raise
        self._agent.phones.on_change = self._phone_changed
        self._agent.watched.on_call = self._emit
        self._port.start()
        self._ticker.start()
        self._watching = self._loop.call_later(_WATCH_S, self._watch)

    async def close(self) -> None:
        """Hang up everything and give back ports and files."""
        for leg in list(self._legs.values()):
            self._end(leg, _NORMAL, Party.SWITCH)
        if self._watching is not None:
            self._watching.cancel()
        self._ticker.stop()
        if self._agent is not None:
            await self._agent.close()
        if self._port is not None:
            self._port.close()
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.sleep(0)  # what the writer's thread has reported last

    @property
    def media_port(self) -> int:
        """UDP port of the browser legs."""
        assert self._port is not None
        return self._port.port

    @property
    def known_addresses(self) -> int:
        """Addresses that browsers have proved to be theirs, of all legs."""
        assert self._port is not None
        return self._port.known_addresses

    @property
    def sip_port(self) -> int:
        """UDP and TCP port of the SIP user agent."""
        assert self._agent is not None
        return self._agent.port

    @property
    def worst_tick_s(self) -> float:
        """The latest that a tick has begun so far."""
        return self._ticker.worst_s

    # --- legs ---------------------------------------------------------------------------------------------------------

    def _leg(self, leg: LegId) -> Leg:
        found = self._legs.get(leg)
        if found is None:
            raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "There is no such leg; it may have ended.")
        return found

    def seat_of(self, leg: LegId) -> Seat:
        """A leg's place in the mixer. SwitchError when there is none."""
        seat = self._leg(leg).seat
        if seat is None:
            raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "The leg is still being set up.")
        return seat

    def _admit(self, leg: LegId) -> None:
        if not _LEG_ID.fullmatch(leg):
            raise _bad("A leg's name has 1 to 64 letters, digits, - or _.")
        if len(self._legs) >= self.config.max_legs:
            raise SwitchError(SwitchErrorCode.OVERLOADED, f"The switch carries {self.config.max_legs} legs already.")
        if len(self._legs) > _FEW_LEGS and self._ticker.late_percent > self.config.overloaded_late_percent:
            raise SwitchError(SwitchErrorCode.OVERLOADED, "The switch is too busy: audio would suffer.")

    def _emit(self, event: SwitchEvent) -> None:
        self.log.append(event)

    @port_errors
    async def open_browser_leg(self, leg: LegId, offer: str, *, tags: dict[str, str] | None = None) -> str:
        if not isinstance(offer, str):
            raise _bad("An offer is text.")
        found = self._legs.get(leg)
        if found is not None:
            if found.browser is None:
                raise _bad("A leg of this name is a telephone.")
            return self._answer(found, found.browser, offer)
        if leg in self._gone:
            raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "This leg is over; open another one.")
        self._admit(leg)
        assert self._port is not None
        made = Leg(leg, LegKind.BROWSER, time.time(), checked_tags(tags))
        browser = BrowserLeg(
            self._port,
            self._identity,
            on_up=lambda: self._answered(made),
            on_end=lambda why: self._ended(made, *_BROWSER_ENDS[why]),
            on_digit=lambda digit: self._emit(LegDigit(leg, time.time(), digit)),
        )
        answer = self._answer(made, browser, offer)
        made.browser = browser
        made.seat = self._mixer.seat(leg, browser.audio)
        self._legs[leg] = made
        return answer

    def _answer(self, leg: Leg, browser: BrowserLeg, offer: str) -> str:
        preferred = leg.tags.get("codec")
        codecs = [codec for codec in self.config.browser_codecs if codec == preferred]
        try:
            return browser.answer(offer, [*codecs, *self.config.browser_codecs])
        except OfferError as error:
            raise SwitchError(SwitchErrorCode.BAD_OFFER, str(error)) from None

    @port_errors
    async def ring(
        self,
        leg: LegId,
        destination: Destination,
        *,
        caller_id: str,
        timeout_s: int,
        trunk: Trunk | None,
        max_duration_s: int = 0,
        tags: dict[str, str] | None = None,
    ) -> None:
        if leg in self._legs or leg in self._gone:
            return  # the same request again: no second call
        self._admit(leg)
        if not 1 <= timeout_s <= 600:
            raise _bad("The time to ring is between 1 and 600 seconds.")
        assert self._agent is not None
        made = Leg(leg, LegKind.PHONE, time.time(), checked_tags(tags), max_duration_s=max(0, max_duration_s))
        self._legs[leg] = made
        try:
            call = await self._agent.invite(
                destination,
                trunk=trunk,
                caller_id=caller_id,
                timeout_s=timeout_s,
                on_event=lambda event: self._phone_event(made, event),
            )
        except BaseException:
            self._legs.pop(leg, None)
            raise
        made.phone = call
        if made.state is LegState.GONE:  # hung up while the name was being looked up
            call.hang_up()
        else:
            made.seat = self._mixer.seat(leg, call.audio)

    def _phone_event(self, leg: Leg, event: call_events.CallEvent) -> None:
        at = time.time()
        match event:
            case call_events.Ringing():
                if leg.state is LegState.NEW:
                    leg.state = LegState.RINGING
                    self._emit(LegRinging(leg.id, at))
            case call_events.EarlyMedia():
                if leg.state in (LegState.NEW, LegState.RINGING):
                    leg.state = LegState.EARLY
                    self._emit(LegEarlyMedia(leg.id, at))
            case call_events.Answered():
                self._answered(leg)
            case call_events.Digit(digit):
                self._emit(LegDigit(leg.id, at, digit))
            case call_events.Ended(cause, by, status):
                self._ended(leg, cause, by, status)

    def _answered(self, leg: Leg) -> None:
        if leg.state is LegState.GONE:
            return
        leg.state = LegState.UP
        leg.answered_at = time.time()
        leg.up_since = time.monotonic()
        leg.stats_due = leg.up_since + self.config.stats_interval_s
        if leg.max_duration_s and self._loop is not None:
            leg.max_timer = self._loop.call_later(leg.max_duration_s, self._end, leg, _TIMER, Party.SWITCH)
        self._emit(LegAnswered(leg.id, leg.answered_at))

    def _end(self, leg: Leg, cause: int, by: Party) -> None:
        """End a leg from our side."""
        if leg.state is LegState.GONE:
            return
        if leg.phone is not None:
            leg.phone.hang_up(cause, by=by)  # tells `_ended` by its event
            return
        if leg.browser is not None:
            leg.browser.audio.send_report(time.monotonic(), bye=True)
            leg.browser.close()
        self._ended(leg, cause, by)

    def _ended(self, leg: Leg, cause: int, by: Party, sip_status: int | None = None) -> None:
        """A leg is gone, for whatever reason: forget it and tell."""
        if leg.state is LegState.GONE:
            return
        leg.state = LegState.GONE
        stats = leg.stats(time.monotonic())
        if leg.max_timer is not None:
            leg.max_timer.cancel()
        self._legs.pop(leg.id, None)
        self._gone.add(leg.id)
        self._emit(LegHungUp(leg.id, time.time(), cause, by, sip_status, stats))
        if leg.seat is not None:
            self._stop_recorder(leg.seat)
            self._mixer.remove(leg.seat)

    @port_errors
    async def hang_up(self, leg: LegId, cause: int = _NORMAL) -> None:
        if not 1 <= cause <= 127:
            raise _bad("A Q.850 cause is a number from 1 to 127.")
        found = self._legs.get(leg)
        if found is not None:
            self._end(found, cause, Party.LOCAL)

    def hang_up_all(self) -> int:
        """The orphan limit has passed: end every leg. Returns how many there were."""
        legs = list(self._legs.values())
        for leg in legs:
            self._end(leg, _TIMER, Party.SWITCH)
        return len(legs)

    # --- arrangements -------------------------------------------------------------------------------------------------

    @port_errors
    async def connect(self, legs: Sequence[LegId], *, park: ParkSound = ParkSound.SILENCE) -> None:
        if not 2 <= len(legs) <= MAX_TOGETHER or len(set(legs)) != len(legs):
            raise _bad(f"Between 2 and {MAX_TOGETHER} different legs can be connected.")
        self._mixer.connect([self.seat_of(leg) for leg in legs], ParkSound(park))

    @port_errors
    async def park(self, leg: LegId, sound: ParkSound = ParkSound.SILENCE) -> None:
        self._mixer.park(self.seat_of(leg), ParkSound(sound))

    @port_errors
    async def listen(self, leg: LegId, target: LegId, mode: ListenMode) -> None:
        seat, other = self.seat_of(leg), self.seat_of(target)
        if seat is other or other.listens_to is not None:
            raise _bad("A leg listens to another leg that is not listening itself.")
        self._mixer.listen(seat, other, ListenMode(mode))

    @port_errors
    async def play(self, leg: LegId, sound: str, *, loop: bool = False) -> None:
        self.seat_of(leg)
        try:
            audio = await asyncio.to_thread(self._sounds.get, sound)
        except SoundError as error:
            raise _bad(str(error)) from None
        self.seat_of(leg).playback = Playback(sound, audio, loop=loop)  # the leg may have gone meanwhile

    @port_errors
    async def stop_playing(self, leg: LegId) -> None:
        self.seat_of(leg).playback = None

    def _sound_finished(self, seat: Seat, sound: str) -> None:
        self._emit(SoundFinished(seat.name, time.time(), sound))

    @port_errors
    async def mute(self, leg: LegId, on: bool) -> None:
        self.seat_of(leg).audio.muted = on

    @port_errors
    async def send_digits(self, leg: LegId, digits: str) -> None:
        seat = self.seat_of(leg)
        refused = digits_refused(digits)
        if refused is not None:
            raise _bad(refused)
        if not seat.audio.send_digits(digits):
            raise _bad("The far end takes no digits (telephone-event), or too many are on their way already.")

    # --- recordings ---------------------------------------------------------------------------------------------------

    @port_errors
    async def record(self, leg: LegId, path: str) -> None:
        seat = self.seat_of(leg)
        if seat.recorder is not None and seat.recorder.path == path:
            return
        if not os.path.isabs(path):
            raise _bad("A recording needs an absolute path.")
        try:
            recorder = await asyncio.to_thread(Recorder, path, self._writer, seat.phase)
        except FileExistsError:
            raise _bad("A recording of this name exists already; it is not overwritten.") from None
        except OSError as error:
            raise _bad(f"The recording cannot be written: {error.strerror}.") from None
        self._stop_recorder(seat)
        seat.recorder = recorder
        if self._legs.get(leg) is None:  # gone while the file was being made
            self._stop_recorder(seat)
            raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "There is no such leg; it may have ended.")

    @port_errors
    async def stop_recording(self, leg: LegId) -> None:
        self._stop_recorder(self.seat_of(leg))

    @port_errors
    async def pause_recording(self, leg: LegId, on: bool) -> None:
        recorder = self.seat_of(leg).recorder
        if recorder is not None:
            recorder.paused = on

    def _stop_recorder(self, seat: Seat) -> None:
        recorder, seat.recorder = seat.recorder, None
        loop = self._loop
        if recorder is None or loop is None:
            return
        name, path = seat.name, recorder.path

        def finished(duration_ms: int) -> None:
            loop.call_soon_threadsafe(self._emit, RecordingStopped(name, time.time(), path, duration_ms))

        recorder.stop(finished)

    # --- what exists, how it goes -------------------------------------------------------------------------------------

    @port_errors
    async def legs(self) -> list[LegSnapshot]:
        now = time.monotonic()
        return [leg.snapshot(now) for leg in self._legs.values()]

    @port_errors
    async def load(self) -> NodeLoad:
        return NodeLoad(
            legs=len(self._legs),
            connected=self._mixer.connected,
            cpu_percent=self._cpu.percent(),
            late_tick_percent=round(self._ticker.late_percent, 2),
        )

    @port_errors
    async def test_trunk(self, trunk: Trunk, *, timeout_s: int = 8) -> str:
        assert self._agent is not None
        return await self._agent.check_trunk(trunk, timeout_s=timeout_s)

    @port_errors
    async def keep_registered(self, trunks: Sequence[Trunk]) -> None:
        if len({trunk.name for trunk in trunks}) != len(trunks) or len(trunks) > _MAX_REGISTRATIONS:
            raise _bad(f"At most {_MAX_REGISTRATIONS} trunks, each with a name of its own, are kept registered.")
        wanted = {trunk.name: trunk for trunk in trunks if trunk.register}
        assert self._agent is not None
        self._agent.keep_registered(wanted, self._registration_changed)

    def _registration_changed(self, trunk: str, outcome: Outcome) -> None:
        said = "" if outcome.accepted else describe(outcome)
        self._emit(RegistrationChanged(trunk, time.time(), outcome.accepted, said))

    @port_errors
    async def accept_phones(self, accounts: Sequence[PhoneAccount]) -> None:
        assert self._agent is not None
        self._agent.phones.accept(accounts)

    @port_errors
    async def registered_phones(self) -> list[str]:
        assert self._agent is not None
        return self._agent.phones.registered()

    @port_errors
    async def watch_numbers(self, numbers: Sequence[WatchedNumber]) -> None:
        assert self._agent is not None
        await self._agent.watched.watch(numbers)

    def _phone_changed(self, name: str, registered: bool) -> None:
        at = time.time()
        self._emit(PhoneRegistered(name, at) if registered else PhoneUnregistered(name, at))

    def events(self) -> AsyncIterator[SwitchEvent]:
        return self.log.read(self.log.last)

    # --- watching -----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Every fifth of a second: consent, silence, statistics."""
        assert self._loop is not None
        self._watching = self._loop.call_later(_WATCH_S, self._watch)
        now = time.monotonic()
        self._cpu.sample(now)
        for leg in list(self._legs.values()):
            if leg.browser is not None:
                leg.browser.check(now, consent_s=self.config.consent_timeout_s, connect_s=self.config.connect_timeout_s)
            if leg.state is LegState.UP:
                for event in watched(leg, now, self.config, look_s=_WATCH_S):
                    self._emit(event)
