"""`Switch` on a FreeSWITCH node, over its event socket and its port for lines."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from hearthline.switch.embedded.events import EventLog
from hearthline.switch.embedded.legs import GoneLegs, checked_tags
from hearthline.switch.embedded.port_errors import port_errors
from hearthline.switch.embedded.rtp import digits_refused
from hearthline.switch.embedded.sip.addresses import SipUri
from hearthline.switch.embedded.sip.resolver import Resolver, UnknownHostError
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.embedded.sounds import SoundCache, SoundError
from hearthline.switch.freeswitch import dialling, phones
from hearthline.switch.freeswitch.arrangement import Arranger
from hearthline.switch.freeswitch.channel_events import SUBSCRIBED, ChannelEvents
from hearthline.switch.freeswitch.config import FreeswitchConfig
from hearthline.switch.freeswitch.event_socket import EventSocket, Handlers
from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.freeswitch.gateways import Gateways
from hearthline.switch.freeswitch.legs import Leg
from hearthline.switch.freeswitch.line_port import LinePort
from hearthline.switch.freeswitch.line_sdp import OfferError, answer_for_browser, offer_for_switch, read_offer
from hearthline.switch.freeswitch.phones import Phones
from hearthline.switch.freeswitch.probe import Probe
from hearthline.switch.freeswitch.recording import Recordings
from hearthline.switch.freeswitch.recovery import adopt_channels
from hearthline.switch.freeswitch.ringing import Ringing
from hearthline.switch.freeswitch.watched import WatchedNumbers
from hearthline.switch.freeswitch.watching import Watch
from hearthline.switch.port import (
    Destination,
    LegId,
    LegKind,
    LegSnapshot,
    LegState,
    ListenMode,
    NodeBack,
    NodeLoad,
    NodeLost,
    ParkSound,
    Party,
    PhoneAccount,
    SwitchError,
    SwitchErrorCode,
    SwitchEvent,
    Trunk,
    WatchedNumber,
)

log = logging.getLogger(__name__)

_LEG_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TOGETHER = 32
_DIGIT_MS = 100
_FEW_LEGS = 20  # with no more than these, lateness has other reasons than the switch's own work


def _bad(message: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.BAD_REQUEST, message)


class FreeswitchSwitch:
    """Make it, `start()`, and `await close()` at the end. Closing leaves the calls as they are."""

    def __init__(self, config: FreeswitchConfig) -> None:
        self.config = config
        self.log = EventLog()
        self.legs_here: dict[LegId, Leg] = {}
        self.gone = GoneLegs()
        self.socket = EventSocket(
            config.event_host,
            config.event_port,
            config.event_password,
            SUBSCRIBED,
            Handlers(event=self._event, up=self._up, down=self._down),
        )
        self.arranger = Arranger(self.socket.api, self._remember)
        self.recordings = Recordings(self)
        self.gateways = Gateways(self)
        self.phones = Phones(self)
        self.watched = WatchedNumbers(self)
        self.ringing = Ringing(self)
        self.watch = Watch(self)
        self._lines = LinePort(config.lines_host, config.lines_port, config.lines_key)
        self.probe = Probe(self._lines, self.socket.api, config.lines_host)
        self._channel_events = ChannelEvents(self)
        self._resolver = Resolver()
        self._sounds = SoundCache()
        self._core = ""  # FreeSWITCH's id of its process
        self._lost = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to connect, on the running loop."""
        self.socket.start()
        self.watch.start()
        if not self.config.guest:
            self.spawn(self.probe.run(), "probe")

    async def wait_connected(self, timeout_s: float = 10.0) -> None:
        """SwitchError(UNREACHABLE) when FreeSWITCH does not answer in time."""
        await self.socket.wait_connected(timeout_s)

    async def close(self) -> None:
        self.watch.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.close()
        await self._lines.close()
        await self._resolver.close()
        for leg in self.legs_here.values():
            if leg.meter is not None:
                leg.meter.close()

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _up(self) -> None:
        core = await self.socket.api("eval ${core_uuid}")
        same = not self._core or core == self._core
        self._core = core
        if not same:
            for leg in list(self.legs_here.values()):
                self.forget(leg)
        if self._lost:
            self._lost = False
            self.emit(NodeBack(time.time(), same_process=same))
        await self.ringing.learn()
        await adopt_channels(self)
        await self.phones.learn()

    def _down(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self.emit(NodeLost(time.time(), reason))

    def _event(self, event: Event) -> None:
        try:
            self._channel_events.take(event)
        except Exception:
            log.exception("freeswitch: an event could not be understood: %s", event.get("Event-Name"))

    def emit(self, event: SwitchEvent) -> None:
        self.log.append(event)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine that this engine owns; what goes wrong in it is logged."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=f"freeswitch: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, SwitchError):
                log.warning("%s: %s", task.get_name(), error.message)
            else:
                log.error("%s failed", task.get_name(), exc_info=error)

    def forget(self, leg: Leg) -> None:
        """The leg is gone: no record of it but its name."""
        leg.state = LegState.GONE
        self.legs_here.pop(leg.id, None)
        self.gone.add(leg.id)
        if leg.meter is not None:
            leg.meter.close()

    def ended_unseen(self, leg: Leg, cause: int, by: Party) -> None:
        """A leg's channel is gone and nobody heard how."""
        if leg.asked_to_end is not None:
            cause, by = leg.asked_to_end
        self._channel_events.ended(leg, time.time(), cause, by)

    def ended_without_channel(self, leg: Leg, reason: str) -> None:
        """FreeSWITCH made no channel of a call; `reason` is its cause's name."""
        self._channel_events.end_without_channel(leg, reason)

    def _drop(self, leg: Leg) -> None:
        """The leg never came to be: its name may be used again."""
        leg.state = LegState.GONE
        self.legs_here.pop(leg.id, None)

    async def _remember(self, leg: Leg) -> None:
        """Keep a leg's place in a variable of its channel: another call control finds it there."""
        if leg.state is LegState.GONE:
            return
        if leg.group is not None and leg.group.conference:
            place = f"conference:{leg.group.conference}"
        elif leg.group is not None:
            place = "bridge:" + ",".join(other.id for other in leg.companions())
        elif leg.listens_to is not None:
            place = f"listen:{leg.listens_to.id}:{leg.mode}"
        else:
            place = f"park:{leg.sound}"
        await self.socket.api(f"uuid_setvar {leg.id} hl_place {place}")

    # --- legs ---------------------------------------------------------------------------------------------------------

    def leg(self, leg: LegId) -> Leg:
        found = self.legs_here.get(leg)
        if found is None:
            raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "There is no such leg; it may have ended.")
        return found

    def _admit(self, leg: LegId) -> None:
        if not _LEG_ID.fullmatch(leg):
            raise _bad("A leg's name has 1 to 64 letters, digits, - or _.")
        if len(self.legs_here) > _FEW_LEGS and self.probe.late_percent() > self.config.overloaded_late_percent:
            raise SwitchError(SwitchErrorCode.OVERLOADED, "The switch is too busy: audio would suffer.")

    @port_errors
    async def open_browser_leg(self, leg: LegId, offer: str, *, tags: dict[str, str] | None = None) -> str:
        if not isinstance(offer, str):
            raise _bad("An offer is text.")
        found = self.legs_here.get(leg)
        if found is not None and found.kind is not LegKind.BROWSER:
            raise _bad("A leg of this name is a telephone.")
        if found is None and leg in self.gone:
            raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "This leg is over; open another one.")
        if found is None:
            self._admit(leg)
        tags = found.tags if found is not None else checked_tags(tags)
        preferred = [codec for codec in self.config.browser_codecs if codec == tags.get("codec")]
        to_tag = ""
        try:
            parsed, agreed = read_offer(offer, [*preferred, *self.config.browser_codecs])
            if found is not None:
                to_tag = await self.socket.api(f"uuid_getvar {leg} sip_to_tag")
                if not re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", to_tag):
                    raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH does not know the leg's dialogue any more.")
            await self.socket.wait_connected(2.0)
            made = found or self._add(Leg(leg, LegKind.BROWSER, time.time(), tags))
            if found is None:
                made.give_up_at = time.monotonic() + self.config.connect_timeout_s
            try:
                answer = await self._lines.invite(leg, offer_for_switch(parsed, agreed), tags=tags, to_tag=to_tag)
            except SwitchError as error:
                if found is None and error.code is not SwitchErrorCode.UNREACHABLE:
                    self._drop(made)
                raise
            made.rtp.codec = agreed.codec
            return answer_for_browser(parsed, agreed, answer)
        except OfferError as error:
            raise SwitchError(SwitchErrorCode.BAD_OFFER, str(error)) from None

    def _add(self, leg: Leg) -> Leg:
        self.legs_here[leg.id] = leg
        return leg

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
        if leg in self.legs_here or leg in self.gone:
            return  # the same request again: no second call
        self._admit(leg)
        if not 1 <= timeout_s <= 600:
            raise _bad("The time to ring is between 1 and 600 seconds.")
        tags = checked_tags(tags)
        profile = phones.PROFILE if destination.phone else dialling.PROFILE
        uri = self.phones.uri_of(destination.phone) if destination.phone else dialling.target_of(destination, trunk)
        if trunk is not None:
            dialling.check_tls(trunk, spoken=self.config.tls, verified=self.config.tls_verify)
        made = Leg(leg, LegKind.PHONE, time.time(), tags, trunk=trunk)
        made.max_duration_s = max_duration_s if max_duration_s > 0 else self.config.longest_call_s
        port = self.config.phones_port if destination.phone else self.config.sip_port
        sender = dialling.from_uri(caller_id, trunk, self.config.sip_bind, port)
        guard_s = min(made.max_duration_s, self.config.orphan_limit_s) + 2
        line = dialling.originate(
            leg,
            f"sofia/{profile}/{uri}",
            sender,
            trunk=trunk,
            timeout_s=timeout_s,
            guard_s=guard_s,
            longest_s=made.max_duration_s,
            tags=tags,
            kind=dialling.GUEST if self.config.guest else LegKind.PHONE,
        )
        made.command = line
        self._add(made)
        try:
            if trunk is not None:
                await self.ringing.require_channel(trunk)
            await self._resolve(uri, trunk)
            made.give_up_at = time.monotonic() + timeout_s
            await self.ringing.begin(made)
        except BaseException as error:
            if not (isinstance(error, SwitchError) and error.code is SwitchErrorCode.UNREACHABLE):
                self._drop(made)
            raise
        if made.asked_to_end is not None:  # hung up while the name was being looked up
            await self.kill(made)

    async def _resolve(self, uri: str, trunk: Trunk | None) -> None:
        """FreeSWITCH would tell an unknown host as a failed call; the port wants to know at once."""
        try:
            await (
                self._resolver.trunk_hops(trunk) if trunk is not None else self._resolver.uri_hops(SipUri.parse(uri))
            )
        except UnknownHostError as error:
            raise SwitchError(SwitchErrorCode.FAILED, str(error)) from None

    @port_errors
    async def hang_up(self, leg: LegId, cause: int = 16) -> None:
        if not 1 <= cause <= 127:
            raise _bad("A Q.850 cause is a number from 1 to 127.")
        found = self.legs_here.get(leg)
        if found is not None:
            await self.end(found, cause, Party.LOCAL)

    async def end(self, leg: Leg, cause: int, by: Party) -> None:
        """End a leg from our side."""
        if leg.asked_to_end is None:
            leg.asked_to_end = (cause, by)
        await self.kill(leg)

    async def kill(self, leg: Leg) -> None:
        """Carry out `asked_to_end`. A channel that is not there yet is ended when it comes."""
        if leg.asked_to_end is not None:
            await self.socket.api(f"uuid_kill {leg.id} {leg.asked_to_end[0]}")

    # --- arrangements -------------------------------------------------------------------------------------------------

    @port_errors
    async def connect(self, legs: Sequence[LegId], *, park: ParkSound = ParkSound.SILENCE) -> None:
        if not 2 <= len(legs) <= _MAX_TOGETHER or len(set(legs)) != len(legs):
            raise _bad(f"Between 2 and {_MAX_TOGETHER} different legs can be connected.")
        await self.arranger.connect([self.leg(leg) for leg in legs], ParkSound(park))

    @port_errors
    async def park(self, leg: LegId, sound: ParkSound = ParkSound.SILENCE) -> None:
        await self.arranger.park(self.leg(leg), ParkSound(sound))

    @port_errors
    async def listen(self, leg: LegId, target: LegId, mode: ListenMode) -> None:
        one, other = self.leg(leg), self.leg(target)
        if one is other or other.listens_to is not None:
            raise _bad("A leg listens to another leg that is not listening itself.")
        await self.arranger.listen(one, other, ListenMode(mode))

    @port_errors
    async def play(self, leg: LegId, sound: str, *, loop: bool = False) -> None:
        found = self.leg(leg)
        path = _word(sound)
        try:
            await asyncio.to_thread(self._sounds.get, sound)
        except SoundError as error:
            raise _bad(str(error)) from None
        await self._stop_sound(found)
        found.playing = sound
        reply = await self.socket.api(f"uuid_displace {leg} start {path} 0 {'mlf' if loop else 'mf'}")
        if not reply.startswith("+OK"):
            found.playing = None
            raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not play the sound.")

    @port_errors
    async def stop_playing(self, leg: LegId) -> None:
        await self._stop_sound(self.leg(leg))

    async def _stop_sound(self, leg: Leg) -> None:
        playing, leg.playing = leg.playing, None
        if playing is not None:
            await self.socket.api(f"uuid_displace {leg.id} stop {_word(playing)}")

    @port_errors
    async def mute(self, leg: LegId, on: bool) -> None:
        self.leg(leg)
        reply = await self.socket.api(f"uuid_audio {leg} {'start read mute 1' if on else 'stop'}")
        if not reply.startswith("+OK"):
            raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not mute the leg.")

    @port_errors
    async def send_digits(self, leg: LegId, digits: str) -> None:
        self.leg(leg)
        refused = digits_refused(digits)
        if refused is not None:
            raise _bad(refused)
        reply = await self.socket.api(f"uuid_send_dtmf {leg} {digits.upper()}@{_DIGIT_MS}")
        if not reply.startswith("+OK"):
            raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not send the digits.")

    @port_errors
    async def record(self, leg: LegId, path: str) -> None:
        await self.recordings.start(self.leg(leg), path)

    @port_errors
    async def stop_recording(self, leg: LegId) -> None:
        await self.recordings.stop(self.leg(leg))

    @port_errors
    async def pause_recording(self, leg: LegId, on: bool) -> None:
        await self.recordings.pause(self.leg(leg), on)

    # --- what exists, how it goes -------------------------------------------------------------------------------------

    @port_errors
    async def legs(self) -> list[LegSnapshot]:
        await adopt_channels(self)
        await self.watch.measure(list(self.legs_here.values()))
        return [leg.snapshot() for leg in self.legs_here.values()]

    @port_errors
    async def load(self) -> NodeLoad:
        return await self.watch.load()

    @port_errors
    async def test_trunk(self, trunk: Trunk, *, timeout_s: int = 8) -> str:
        try:
            agent = await UserAgent.start(UserAgentConfig(bind=self.config.sip_bind))
        except OSError as error:
            raise SwitchError(SwitchErrorCode.FAILED, f"No address to try the trunk from: {error.strerror}.") from None
        try:
            return await agent.check_trunk(trunk, timeout_s=timeout_s)
        finally:
            await agent.close()

    @port_errors
    async def keep_registered(self, trunks: Sequence[Trunk]) -> None:
        await self.gateways.keep(trunks)

    @port_errors
    async def accept_phones(self, accounts: Sequence[PhoneAccount]) -> None:
        await self.phones.accept(accounts)

    @port_errors
    async def registered_phones(self) -> list[str]:
        return self.phones.registered()

    @port_errors
    async def watch_numbers(self, numbers: Sequence[WatchedNumber]) -> None:
        await self.watched.watch(numbers)

    async def addresses_of(self, host: str) -> Sequence[str]:
        """Raises LookupError."""
        try:
            return await self._resolver.addresses(host)
        except UnknownHostError as error:
            raise LookupError(host) from error

    def events(self) -> AsyncIterator[SwitchEvent]:
        return self.log.read(self.log.last)


def _word(path: str) -> str:
    """A path as one argument of a command."""
    if not os.path.isabs(path) or re.search(r"[\x00-\x20'\"\\,;{}\[\]|$]", path):
        raise _bad("A sound needs an absolute path without blanks, quotes and brackets.")
    return path
