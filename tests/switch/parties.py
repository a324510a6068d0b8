"""The people of a test: browsers and telephones with a tone for a voice, and a reader of the switch's events."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.codecs import PCMU
from hearthline.switch.embedded.pcm import rms
from hearthline.switch.embedded.sip.events import Answered, CallEvent, Ended
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, LegAnswered, LegId, Switch, SwitchEvent, Trunk
from hearthline.switch.robots.browser_peer import BrowserPeer, Ear, Loop, PeerClock
from tests.switch.ears import assert_hears, level, tone

E = TypeVar("E")

WAIT_S = 10.0


class Told:
    """Every event of a switch, and waiting for one of them."""

    def __init__(self, events: AsyncIterator[SwitchEvent]) -> None:
        self.events: list[SwitchEvent] = []
        self._changed = asyncio.Condition()
        self._task = asyncio.get_running_loop().create_task(self._read(events))

    async def _read(self, events: AsyncIterator[SwitchEvent]) -> None:
        async for event in events:
            async with self._changed:
                self.events.append(event)
                self._changed.notify_all()

    def all(self, kind: type[E], leg: LegId | None = None) -> list[E]:
        return [
            event
            for event in self.events
            if isinstance(event, kind) and (leg is None or getattr(event, "leg", None) == leg)
        ]

    async def wait(self, kind: type[E], leg: LegId | None = None, *, count: int = 1, timeout_s: float = WAIT_S) -> E:
        """The `count`-th event of a kind (of a leg)."""
        try:
            await self.until(lambda: len(self.all(kind, leg)) >= count, timeout_s=timeout_s)
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} of {leg} in {self.events}") from None
        return self.all(kind, leg)[count - 1]

    async def until(self, told: Callable[[], bool], *, timeout_s: float = WAIT_S) -> None:
        """Until the events make this true. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(told)

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


class Browser:
    """A browser leg that says a tone."""

    def __init__(
        self, clock: PeerClock, hz: float, codecs: Sequence[str] = (PCMU,), profiles: Sequence[bytes] = ()
    ) -> None:
        self.hz = hz
        self.leg: LegId = uuid.uuid4().hex
        self.ear = Ear()
        self.peer = BrowserPeer(clock, Loop(tone(hz)), self.ear.hear, codecs=codecs, profiles=profiles, consent_s=0.5)

    async def open(self, switch: Switch, told: Told, tags: dict[str, str] | None = None) -> Browser:
        self.peer.accept(await switch.open_browser_leg(self.leg, self.peer.offer(), tags=tags))
        await self.peer.up()
        await told.wait(LegAnswered, self.leg)
        return self


class Phone:
    """A telephone that the switch rings; it answers as `act` says and says a tone while it is in a call."""

    def __init__(self, agent: UserAgent, clock: PeerClock, hz: float) -> None:
        self.hz = hz
        self.leg: LegId = uuid.uuid4().hex
        self.ear = Ear()
        self.calls: list[IncomingCall] = []
        self.act: Callable[[IncomingCall], None] = lambda call: call.answer()
        self.ended = asyncio.Event()
        self.answered = asyncio.Event()
        self.digits = ""
        self._audio: AudioPath | None = None
        self._source = Loop(tone(hz))
        self._agent = agent
        self._clock = clock
        agent.on_incoming(self._take)
        clock.add(self)

    @classmethod
    async def create(cls, clock: PeerClock, hz: float) -> Phone:
        return cls(await UserAgent.start(UserAgentConfig(bind="127.0.0.1")), clock, hz)

    @property
    def port(self) -> int:
        return self._agent.port

    @property
    def tls_port(self) -> int:
        return self._agent.tls_port

    @property
    def destination(self) -> Destination:
        return Destination(sip_uri=f"sip:phone@127.0.0.1:{self.port}")

    async def admit(self, switch_host: str = "127.0.0.1") -> None:
        """Take calls from the switch's address."""
        await self._agent.admit(Trunk(name="switch", host=switch_host))

    def _take(self, call: IncomingCall) -> None:
        self.calls.append(call)
        self._audio = call.audio
        call.on_event = self._event
        self.act(call)

    def _event(self, event: CallEvent) -> None:
        if isinstance(event, Answered):
            self.answered.set()
        elif isinstance(event, Ended):
            self.ended.set()

    def tick(self, now: float) -> None:
        if self._audio is None:
            return
        self._audio.pull(now)
        self.ear.hear(self._audio.pcm)
        frame = self._source()
        self._audio.send(frame, rms(frame, 2))

    async def ring(self, switch: Switch, *, timeout_s: int = 10, max_duration_s: int = 0) -> Phone:
        await switch.ring(
            self.leg,
            self.destination,
            caller_id="+74951234567",
            timeout_s=timeout_s,
            trunk=None,
            max_duration_s=max_duration_s,
            tags={"attempt": "1"},
        )
        return self

    async def close(self) -> None:
        self._clock.remove(self)
        await self._agent.close()


async def hears(
    party: Browser | Phone,
    *heard: float,
    unheard: Sequence[float] = (),
    silence: bool = False,
    music: bool = False,
    within_s: float = 8.0,
) -> None:
    """Soon, and from then on for a whole window, a party hears these tones and none of `unheard`; or silence; or music.

    Soon, because what was on its way before a change is still heard, and this machine may be busy with something else.
    """
    until = asyncio.get_running_loop().time() + within_s
    while True:
        audio = await party.ear.listen(1.0 if music else 0.3)
        try:
            assert_hears(audio, heard, unheard=unheard)
            if silence:
                assert level(audio) < 30, f"not silent: {level(audio)}"
            if music:
                assert level(audio) > 400, f"no music: {level(audio)}"
        except AssertionError:
            if asyncio.get_running_loop().time() > until:
                raise
        else:
            return
