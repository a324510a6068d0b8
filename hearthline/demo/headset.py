"""A robot's headset: an open WebRTC line, a mouth that plays WAV files, an ear that hears when the other has finished."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hearthline.demo.session import Session
from hearthline.switch.embedded.pcm import FRAME_BYTES, rms
from hearthline.switch.robots.browser_peer import BrowserPeer, PeerClock
from hearthline.switch.robots.speech import read_wav
from hearthline.switch.robots.voice_activity import TurnDetector

_BREATH_S = 0.25  # between hearing the end of a sentence and speaking


class Headset:
    """Made on a running event loop; `open` it, `close` it."""

    def __init__(self, clock: PeerClock) -> None:
        self._saying = b""
        self._at = 0
        self._said = asyncio.Event()
        self._turns = TurnDetector()
        self._turn_over = asyncio.Event()
        self.line = ""
        self._peer = BrowserPeer(clock, self._mouth, self._ear)

    async def open(self, session: Session, path: str, **extra: str) -> None:
        """The offer goes through the web session, the audio straight to the switch. Raises RefusedError, TimeoutError."""
        reply = await session.command(path, offer=self._peer.offer(), line="", **extra)
        self.line = str(reply["line"])
        self._peer.accept(str(reply["answer"]))
        await self._peer.up()

    def close(self) -> None:
        self._peer.close()

    async def say(self, wav: Path) -> None:
        """Play it to the end."""
        pcm = await asyncio.to_thread(read_wav, wav)
        self._said.clear()
        self._saying, self._at = pcm + bytes(-len(pcm) % FRAME_BYTES), 0
        await self._said.wait()

    def hush(self) -> None:
        self._saying = b""

    async def hear_out(self, within_s: float) -> bool:
        """Wait until the other side has finished a sentence; False when nothing was said in that time."""
        self._turn_over.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._turn_over.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(_BREATH_S)
        return True

    def _mouth(self) -> bytes | None:
        if not self._saying:
            return None
        frame = self._saying[self._at : self._at + FRAME_BYTES]
        if not frame:
            self._saying = b""
            self._said.set()
            return None
        self._at += FRAME_BYTES
        return frame

    def _ear(self, frame: bytes | None) -> None:
        self._turns.feed(rms(frame, 2) if frame else 0.0)
        if self._turns.ended:
            self._turn_over.set()
