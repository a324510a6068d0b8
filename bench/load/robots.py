"""A process of robots: operators' browsers (ICE, DTLS-SRTP) and contacts' telephones (SIP, RTP), which do as they are told.

`python -m bench.load.robots speak` makes load: all say the same ready payloads and decode nothing. `... probe` is one call
whose frames are markers. Lines of JSON in: {"id", "do": "offer" | "accept" | "measure", ...}; lines out: {"id", ...}. It ends
with its input. It knows nothing of the switch: offers and answers are carried by whoever asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from typing import Any

from bench.load.probe import Tap, compare, markers
from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.codecs import PCMU, make_codec
from hearthline.switch.embedded.dtls import Identity, make_identity
from hearthline.switch.embedded.pcm import ulaw2lin
from hearthline.switch.embedded.sip.events import Answered, CallEvent, Ended
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Trunk
from hearthline.switch.robots.browser_peer import BrowserPeer, PeerClock

NICE = -5  # as the embedded engine's own, where the system lets us
STRAGGLERS_S = 0.5  # a frame said at the end of a look may come within this


class Mouth:
    """Says its frames one after another, over and over, and notes when, where somebody wants to know."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self._at = 0
        self.said: list[tuple[int, float]] | None = None

    def say(self, audio: AudioPath) -> None:
        self._at = (self._at + 1) % len(self._frames)
        if self.said is not None:
            self.said.append((self._at, time.monotonic()))
        audio.send(None, 0, self._frames[self._at])


class Browser(BrowserPeer):
    """An operator: sends what its mouth says, and does not decode what it hears."""

    def __init__(self, clock: PeerClock, identity: Identity, mouth: Mouth, codec: str) -> None:
        super().__init__(clock, lambda: None, lambda _frame: None, identity=identity, codecs=(codec,))
        self.mouth = mouth

    def tick(self, now: float) -> None:
        self.mouth.say(self.audio)


class Telephone:
    """A contact: answers at once and speaks until the call ends."""

    def __init__(self, clock: PeerClock, call: IncomingCall, mouth: Mouth) -> None:
        self.audio = call.audio
        self.mouth = mouth
        self._clock = clock
        call.on_event = self._told
        call.answer()

    def _told(self, event: CallEvent) -> None:
        if isinstance(event, Answered):
            self._clock.add(self)
        elif isinstance(event, Ended):
            self._clock.remove(self)

    def tick(self, now: float) -> None:
        self.mouth.say(self.audio)


class Robots:
    def __init__(self, agent: UserAgent, *, probe: bool) -> None:
        self._clock = PeerClock()
        self._clock.start()
        self._identity = make_identity()
        self._frames = markers()
        self._probe = probe
        self._tap = Tap() if probe else None
        self._browsers: list[Browser] = []
        self._telephones: list[Telephone] = []
        agent.on_incoming(self._take)

    def _take(self, call: IncomingCall) -> None:
        self._telephones.append(Telephone(self._clock, call, Mouth(self._frames)))

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "offer":
                browser = Browser(self._clock, self._identity, self._mouth(order["codec"]), order["codec"])
                self._browsers.append(browser)
                return {"browser": len(self._browsers) - 1, "offer": browser.offer()}
            case "accept":
                browser = self._browsers[order["browser"]]
                browser.accept(order["answer"])
                await browser.up()
                return {}
            case "measure":
                return await self._measure(order["seconds"])
            case unknown:
                raise ValueError(f"robots cannot {unknown}")

    def _mouth(self, codec: str) -> Mouth:
        if codec == PCMU:
            return Mouth(self._frames)
        encoder = make_codec(codec)
        return Mouth([encoder.encode(ulaw2lin(frame, 2)) for frame in self._frames[:50]])

    async def _measure(self, seconds: float) -> dict[str, Any]:
        """What the newest browser and the newest telephone hear of each other: frames, lost, gap_ms, delays_ms, each way."""
        assert self._tap is not None
        browser, telephone = self._browsers[-1], self._telephones[-1]
        ways = []
        for mouth, ear in ((browser.mouth, telephone.audio), (telephone.mouth, browser.audio)):
            mouth.said = []
            ways.append((mouth, mouth.said, self._tap.on(ear)))
        await asyncio.sleep(seconds)
        for mouth, _, _ in ways:
            mouth.said = None
        await asyncio.sleep(STRAGGLERS_S)
        self._tap.off()
        known = {frame: marker for marker, frame in enumerate(self._frames)}
        heard = [compare(said, came, known) for _, said, came in ways]
        return {"ways": [[h.frames, h.lost, h.gap_ms, [round(ms, 2) for ms in h.delays_ms]] for h in heard]}


async def serve(kind: str) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    await agent.admit(Trunk(name="switch", host="127.0.0.1"))
    robots = Robots(agent, probe=kind == "probe")
    print(json.dumps({"id": 0, "sip_port": agent.port}), flush=True)
    at_work: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = loop.create_task(_answer(robots, json.loads(line)))
        at_work.add(task)
        task.add_done_callback(at_work.discard)
    await agent.close()


async def _answer(robots: Robots, order: dict[str, Any]) -> None:
    try:
        reply = await robots.do(order)
    except Exception as error:  # noqa: BLE001 - whoever asked is told, and ends the measurement
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps({"id": order["id"], **reply}), flush=True)


if __name__ == "__main__":
    # people's own machines are not kept waiting by the node's, nor by a look for garbage in the midst of a tick
    with contextlib.suppress(OSError):
        os.nice(NICE)
    gc.disable()
    asyncio.run(serve(sys.argv[1]))
