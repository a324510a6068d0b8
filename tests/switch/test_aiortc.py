"""An independent WebRTC stack on a line: aiortc, which shares no code with the engine or the robots but the STUN codec."""

from __future__ import annotations

import asyncio
import fractions
import time
import uuid
from collections.abc import AsyncIterator

import aioice.ice
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.port import LegAnswered, LegHungUp, Party, Switch
from tests.switch.ears import assert_hears
from tests.switch.parties import hears
from tests.switch.town import Town


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    """With the usual time of consent: aiortc renews it every five seconds."""
    engine = EmbeddedSwitch()
    await engine.start()
    yield engine
    await engine.close()


class Tone(MediaStreamTrack):
    """A tone in real time, as 20 ms frames at 48 kHz."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        step = 2 * np.pi * hz / 48000
        self._samples = (8000 * np.sin(step * np.arange(48000))).astype(np.int16)
        self._number = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._number * 0.02 - time.monotonic()))
        at = self._number % 50 * 960
        frame = AudioFrame.from_ndarray(self._samples[at : at + 960].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, self._number * 960
        frame.time_base = fractions.Fraction(1, 48000)
        self._number += 1
        return frame


async def heard_on(track: MediaStreamTrack, seconds: float) -> bytes:
    """What comes on a track, at 8 kHz."""
    resampler = AudioResampler(format="s16", layout="mono", rate=8000)
    audio = bytearray()
    async with asyncio.timeout(20):
        while len(audio) < seconds * 16000:
            try:
                frame = await track.recv()
            except MediaStreamError:
                break
            assert isinstance(frame, AudioFrame)
            for part in resampler.resample(frame):
                audio += part.to_ndarray().tobytes()
    return bytes(audio)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("codec", ["audio/PCMU", "audio/PCMA", "audio/opus"])
async def test_an_independent_stack(town: Town, monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    other = await town.browser(440)
    connection, leg = RTCPeerConnection(), uuid.uuid4().hex
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    connection.on("track", tracks.put_nowait)
    connection.addTrack(Tone(1000))
    (transceiver,) = connection.getTransceivers()
    wanted = [one for one in RTCRtpSender.getCapabilities("audio").codecs if one.mimeType == codec]
    transceiver.setCodecPreferences(wanted)
    await connection.setLocalDescription(await connection.createOffer())
    answer = await town.switch.open_browser_leg(leg, connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await town.told.wait(LegAnswered, leg)
    await town.switch.connect([leg, other.leg])
    track = await asyncio.wait_for(tracks.get(), 5)
    await asyncio.gather(hears(other, 1000, unheard=[440]), heard_on(track, 1.0))
    assert_hears(await heard_on(track, 0.6), [440], unheard=[1000])
    await connection.close()
    told = await town.told.wait(LegHungUp, leg)
    assert told.by is Party.REMOTE
    assert told.stats.codec == codec.removeprefix("audio/")
