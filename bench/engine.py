"""The embedded engine: how many calls one core carries, and how soon audio flows after an answer.

The engine runs as its own process; browsers and telephones are robots in another one (`python -m bench.engine load ...`),
so that the processor time counted is the engine's alone. Each call is a browser leg and a phone leg, connected, with
jitter buffers, PCMU, DTLS-SRTP on one side, and a stereo recording to disk.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.figure import Figure
from hearthline.switch.embedded.audio import VOICE_RMS, AudioPath
from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.codecs import G711, PCMU
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.dtls import Identity, make_identity
from hearthline.switch.embedded.pcm import FRAME_BYTES, rms
from hearthline.switch.embedded.rtp import parse_rtp
from hearthline.switch.embedded.sip.events import Answered, CallEvent
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import Destination, LegAnswered, LegRinging, SwitchEvent, Trunk
from hearthline.switch.robots.browser_peer import BrowserPeer, PeerClock

ROOT = Path(__file__).resolve().parent.parent
CALLS = 60
BAR_CALLS = 100
BAR_MS = 40.0
SETTLE_S = 4.0
MEASURE_S = 10.0
ANSWERS = 25
_TICKS = os.sysconf("SC_CLK_TCK")


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="hl-") as folder, engine(Path(folder)) as (pid, socket):
        with _load(socket, CALLS, folder) as said:
            expect(said, "up")
            time.sleep(SETTLE_S)
            began, used = time.monotonic(), cpu_s(pid)
            time.sleep(MEASURE_S)
            spent = (cpu_s(pid) - used) / (time.monotonic() - began)
            late = asyncio.run(_late_percent(socket))
        a_core = CALLS / spent
        yield Figure(
            "embedded engine: calls one core carries, recorded",
            f"{a_core:.0f}",
            f"at least {BAR_CALLS}",
            a_core >= BAR_CALLS,
            f"{CALLS} calls at once: {1000 * spent / CALLS:.2f} ms of CPU per call-second, {late:.1f} % late ticks",
        )
        with _load(socket, 0, folder) as said:
            line = expect(said, "answers")
        inward, outward = ([float(ms) for ms in part.split(",")] for part in line.split()[1:3])
        for what, delays in (("contact to operator", inward), ("operator to contact", outward)):
            yield Figure(
                f"contact answers, audio {what}: median",
                f"{statistics.median(delays):.1f} ms",
                f"at most {BAR_MS:.0f} ms",
                statistics.median(delays) <= BAR_MS,
                f"worst of {len(delays)}: {max(delays):.1f} ms",
            )


@contextmanager
def engine(folder: Path) -> Iterator[tuple[int, Path]]:
    socket, settings = folder / "engine.sock", folder / "engine.json"
    settings.write_text(EngineConfig(max_legs=1000, overloaded_late_percent=100).to_json())
    command = [sys.executable, "-m", "hearthline.switch.embedded", "--socket", str(socket), "--config", str(settings)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not socket.exists():
            if process.poll() is not None:
                raise SystemExit("the engine did not start")
            time.sleep(0.05)
        yield process.pid, socket
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _load(socket: Path, calls: int, folder: str) -> Iterator[IO[str]]:
    """The robots, until they are told to leave by the end of their input."""
    command = [sys.executable, "-m", "bench.engine", "load", str(socket), str(calls), folder]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def expect(said: IO[str], word: str) -> str:
    line = said.readline()
    if not line.startswith(word):
        raise SystemExit(f"the load generator failed: {line!r}")
    return line


def cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _late_percent(socket: Path) -> float:
    client = EmbeddedClient(socket)
    client.start()
    load = await client.load()
    await client.close()
    return load.late_tick_percent


# --- the robots -----------------------------------------------------------------------------------------------------


def _speech() -> list[bytes]:
    """A second of something loud, as PCMU payloads: robots encode nothing while they measure."""
    codec = G711(PCMU)
    frames = []
    for number in range(50):
        period = 10 + number % 7
        frame = b"".join(
            (6000 if (i // period) % 2 else -6000).to_bytes(2, sys.byteorder, signed=True)
            for i in range(FRAME_BYTES // 2)
        )
        frames.append(codec.encode(frame))
    return frames


class Telephones:
    """All telephones of the robots: one user agent, one sender per call."""

    def __init__(self, agent: UserAgent, frames: list[bytes]) -> None:
        self.agent = agent
        self._frames = frames
        self._at = 0
        self.audio: list[AudioPath] = []
        self.ringing: IncomingCall | None = None
        self.began = 0.0  # monotonic time of the newest call's first packet
        self.answer_at_once = True
        agent.on_incoming(self._take)

    def _take(self, call: IncomingCall) -> None:
        call.on_event = lambda event: self._event(call, event)
        self.ringing = call
        if self.answer_at_once:
            call.answer()
        else:
            call.ring()

    def _event(self, call: IncomingCall, event: CallEvent) -> None:
        if isinstance(event, Answered):
            self.audio.append(call.audio)
            self.began = 0.0

    def tick(self, now: float) -> None:
        self._at = (self._at + 1) % len(self._frames)
        self.began = self.began or time.monotonic()
        payload = self._frames[self._at]
        for audio in self.audio:
            audio.send(None, 0, payload)


class QuietPeer(BrowserPeer):
    """A browser that sends ready payloads and does not decode what it hears."""

    def __init__(self, clock: PeerClock, identity: Identity, frames: list[bytes]) -> None:
        super().__init__(clock, lambda: None, lambda _frame: None, identity=identity)
        self.leg = uuid.uuid4().hex
        self._frames = frames
        self._at = 0

    def tick(self, now: float) -> None:
        self._at = (self._at + 1) % len(self._frames)
        self.audio.send(None, 0, self._frames[self._at])


class FirstVoice:
    """When each audio path first received something loud: seen at the socket, before any jitter buffer."""

    def __init__(self) -> None:
        self._waiting: dict[AudioPath, asyncio.Future[float]] = {}
        self._decode = G711(PCMU).decode
        receive = AudioPath.receive_rtp

        def tapped(audio: AudioPath, data: bytes, arrival: float) -> bool:
            waiting = self._waiting.get(audio)
            if waiting is not None and not waiting.done():
                packet = parse_rtp(data)
                if packet is not None and rms(self._decode(packet.payload), 2) > VOICE_RMS:
                    waiting.set_result(arrival)
            return receive(audio, data, arrival)

        setattr(AudioPath, "receive_rtp", tapped)  # noqa: B010 - the robots' own packets are watched, in this process only

    def of(self, audio: AudioPath) -> asyncio.Future[float]:
        self._waiting[audio] = asyncio.get_running_loop().create_future()
        return self._waiting[audio]


class Robots:
    """The load generator's side of an engine."""

    def __init__(self, client: EmbeddedClient | FreeswitchSwitch, agent: UserAgent) -> None:
        self.client = client
        self._events = client.events()
        self.clock = PeerClock()
        self._identity = make_identity()
        self._frames = _speech()
        self.phones = Telephones(agent, self._frames)
        self.clock.add(self.phones)
        self.clock.start()

    async def browser(self) -> QuietPeer:
        peer = QuietPeer(self.clock, self._identity, self._frames)
        peer.accept(await self.client.open_browser_leg(peer.leg, peer.offer()))
        await peer.up()
        return peer

    async def ring(self) -> str:
        leg = uuid.uuid4().hex
        destination = Destination(sip_uri=f"sip:phone@127.0.0.1:{self.phones.agent.port}")
        await self.client.ring(leg, destination, caller_id="+74951234567", timeout_s=20, trunk=None)
        return leg

    async def told(self, kind: type[SwitchEvent], leg: str) -> None:
        async with asyncio.timeout(20):
            async for event in self._events:
                if isinstance(event, kind) and getattr(event, "leg", "") == leg:
                    return

    async def calls(self, count: int, folder: str) -> None:
        """Calls that go on, recorded where there is a folder."""
        for number in range(count):
            peer, phone = await self.browser(), await self.ring()
            await self.told(LegAnswered, phone)
            await self.client.connect([peer.leg, phone])
            if folder:
                await self.client.record(peer.leg, f"{folder}/{number}.wav")

    async def answers(self, count: int) -> tuple[list[float], list[float]]:
        """One call after another: milliseconds from the contact's first packet to the operator's browser, and from the
        answer to the first of the operator's voice at the contact."""
        self.phones.answer_at_once = False
        voice, inward, outward = FirstVoice(), [], []
        peer = await self.browser()
        for _ in range(count):
            leg = await self.ring()
            await self.told(LegRinging, leg)
            await self.client.connect([peer.leg, leg])
            call = self.phones.ringing
            assert call is not None
            at_browser, at_phone = voice.of(peer.audio), voice.of(call.audio)
            answered = time.monotonic()
            call.answer()
            async with asyncio.timeout(10):
                inward.append(1000 * (await at_browser - self.phones.began))
                outward.append(1000 * (await at_phone - answered))
            await self.client.hang_up(leg)
            self.phones.audio.clear()
        return inward, outward


async def generate(client: EmbeddedClient | FreeswitchSwitch, calls: int, folder: str) -> None:
    """Make calls and tell of them; keep them up until the input ends."""
    client.start()
    await client.wait_connected()
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    await agent.admit(Trunk(name="switch", host="127.0.0.1"))
    robots = Robots(client, agent)
    if calls:
        await robots.calls(calls, folder)
        print("up", flush=True)
    else:
        inward, outward = await robots.answers(ANSWERS)
        print("answers", ",".join(f"{ms:.2f}" for ms in inward), ",".join(f"{ms:.2f}" for ms in outward), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for snapshot in await client.legs():
        await client.hang_up(snapshot.leg)
    await client.close()
    await agent.close()


if __name__ == "__main__":
    _, _word, _socket, _calls, _folder = sys.argv
    asyncio.run(generate(EmbeddedClient(Path(_socket)), int(_calls), _folder))
