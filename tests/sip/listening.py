"""Making a call's audio run without the engine's mixer, and waiting for what a call tells."""

from __future__ import annotations

import array
import asyncio
import math
import time
from collections.abc import Callable, Iterator

from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.pcm import RATE, SAMPLES, TICK_S, rms
from hearthline.switch.embedded.sip.events import CallEvent


def tone(hz: float, frames: int) -> Iterator[bytes]:
    """20 ms frames of a sine."""
    for number in range(frames):
        first = number * SAMPLES
        yield array.array(
            "h", (int(8000 * math.sin(2 * math.pi * hz * (first + i) / RATE)) for i in range(SAMPLES))
        ).tobytes()


def level(pcm: bytes, hz: float) -> float:
    """Amplitude of one frequency in linear audio (Goertzel)."""
    samples = array.array("h", pcm)
    step = 2 * math.cos(2 * math.pi * hz / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + step * last - before
    power = last * last + before * before - step * last * before
    return 2 * math.sqrt(max(power, 0.0)) / max(len(samples), 1)


async def run_audio(paths: dict[AudioPath, float], frames: int) -> dict[AudioPath, bytes]:
    """Send each path its tone for so many ticks; what each heard."""
    heard: dict[AudioPath, bytearray] = {path: bytearray() for path in paths}
    tones = {path: tone(hz, frames) for path, hz in paths.items()}
    start = time.monotonic()
    for number in range(frames):
        await asyncio.sleep(max(0.0, start + number * TICK_S - time.monotonic()))
        for path in paths:
            path.pull(time.monotonic())
            if path.pcm:
                heard[path] += path.pcm
            frame = next(tones[path])
            path.send(frame, rms(frame, 2))
    return {path: bytes(data) for path, data in heard.items()}


class Listener:
    """Keeps what a call tells; `wait` for one kind of event, bounded."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self._changed = asyncio.Event()
        self.then: Callable[[CallEvent], None] | None = None

    def __call__(self, event: CallEvent) -> None:
        self.events.append(event)
        self._changed.set()
        if self.then is not None:
            self.then(event)

    async def wait(self, *kinds: type, seconds: float = 10.0) -> CallEvent:
        """The first event of these kinds, past or to come."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if isinstance(event, kinds):
                        return event
                self._changed.clear()
                await self._changed.wait()

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]
