"""Robots that answer: how many talks one core carries. Real SIP with digest, speech out, voice activity in; the caller runs in
another process (`python -m bench.robots load ...`), so that the processor time counted is the robots' alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.engine import ROOT, cpu_s, expect
from bench.figure import Figure
from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.codecs import G711, PCMU
from hearthline.switch.embedded.pcm import FRAME_BYTES
from hearthline.switch.embedded.sip.events import Answered, CallEvent
from hearthline.switch.embedded.sip.outgoing import OutgoingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Trunk
from hearthline.switch.robots.browser_peer import PeerClock

CALLS = 100
BAR = 100
SETTLE_S = 3.0
MEASURE_S = 12.0
TALKS_TICKS, LISTENS_TICKS = 100, 200  # the caller: two seconds of speech, four of silence, and so on


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="hl-") as folder:
        config = Path(folder) / "robots.json"
        settings = {
            "accounts": {"line": "right"}, "others": "agrees", "language": "en", "sounds": f"{folder}/sounds",
            "max_calls": CALLS,
        }  # fmt: skip
        config.write_text(json.dumps(settings))
        command = [sys.executable, "-m", "hearthline.switch.robots", "--config", str(config), "--until-stdin-closes"]
        with _running(command) as robots:
            port = json.loads(robots.stdout.readline())["port"]
            with _running([sys.executable, "-m", "bench.robots", "load", str(port)]) as load:
                expect(load.stdout, "up")
                time.sleep(SETTLE_S)
                began, used = time.monotonic(), cpu_s(robots.pid)
                time.sleep(MEASURE_S)
                spent = (cpu_s(robots.pid) - used) / (time.monotonic() - began)
    a_core = CALLS / spent
    yield Figure(
        "robots that talk at once, one core",
        f"{a_core:.0f}",
        f"at least {BAR}",
        a_core >= BAR,
        f"{CALLS} calls at once: {1000 * spent / CALLS:.2f} ms of CPU per call-second",
    )


class _running:
    """A process that ends when its input does."""

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def __enter__(self) -> Any:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self._process

    def __exit__(self, *_error: object) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


class Callers:
    """One clock for all of them; each hears and says in turns."""

    def __init__(self) -> None:
        loud = b"\x00\x20" * (FRAME_BYTES // 4) + b"\x00\xe0" * (FRAME_BYTES // 4)
        codec = G711(PCMU)
        self._loud, self._quiet = codec.encode(loud), codec.encode(bytes(FRAME_BYTES))
        self._ticks = 0
        self.audio: list[AudioPath] = []

    def add(self, call: OutgoingCall) -> None:
        self.audio.append(call.audio)

    def tick(self, now: float) -> None:
        self._ticks += 1
        for number, audio in enumerate(self.audio):
            at = (self._ticks + 7 * number) % (TALKS_TICKS + LISTENS_TICKS)
            audio.send(None, 0, self._loud if at < TALKS_TICKS else self._quiet)


async def _load(port: int) -> None:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    trunk = Trunk(name="robots", host="127.0.0.1", port=port, username="line", password="right")
    clock, callers = PeerClock(), Callers()
    clock.add(callers)
    clock.start()
    answered: list[asyncio.Event] = []
    for number in range(CALLS):
        answered.append(up := asyncio.Event())

        def told(event: CallEvent, up: asyncio.Event = up) -> None:
            if isinstance(event, Answered):
                up.set()

        destination = Destination(number=f"+1202555{number:04}")
        call = await agent.invite(destination, trunk=trunk, caller_id="+12025550000", timeout_s=20, on_event=told)
        callers.add(call)
        await asyncio.sleep(0.02)
    async with asyncio.timeout(30):
        await asyncio.gather(*(up.wait() for up in answered))
    print("up", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await agent.close()
    clock.stop()


if __name__ == "__main__":
    asyncio.run(_load(int(sys.argv[2])))
