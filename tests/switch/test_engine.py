"""What only the embedded engine promises: its addresses, its bounds, its clock, its log of events."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid

import pytest

from hearthline.switch.embedded.browser_sdp import parse_offer
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.embedded.events import EventLog
from hearthline.switch.embedded.load import CpuMeter
from hearthline.switch.embedded.pcm import FRAME_BYTES, TICK_S
from hearthline.switch.embedded.sounds import hold_music
from hearthline.switch.embedded.ticker import Ticker
from hearthline.switch.port import LegRinging, NodeBack, NodeLost, SwitchError, SwitchErrorCode, SwitchEvent
from hearthline.switch.robots.browser_peer import BrowserPeer, Ear, Loop, PeerClock
from tests.switch.ears import assert_hears, tone
from tests.switch.offers import CHROMIUM, UNUSUAL


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_one_port_on_several_addresses(clock: PeerClock) -> None:
    engine = EmbeddedSwitch(EngineConfig(media_bind=("127.0.0.1", "::1")))
    await engine.start()
    ears, legs, peers = [Ear(), Ear()], [uuid.uuid4().hex, uuid.uuid4().hex], []
    for host, hz, leg, ear in zip(("127.0.0.1", "::1"), (440, 650), legs, ears, strict=True):
        peer = BrowserPeer(clock, Loop(tone(hz)), ear.hear, host=host)
        answer = await engine.open_browser_leg(leg, peer.offer())
        assert answer.count(f" {engine.media_port} typ host") == 2
        peer.accept(answer)
        await peer.up()
        peers.append(peer)
    await engine.connect(legs)
    await ears[0].listen(0.2)
    heard = await asyncio.gather(*(ear.listen(0.3) for ear in ears))
    assert_hears(heard[0], [650], unheard=[440])
    assert_hears(heard[1], [440], unheard=[650])
    for peer in peers:
        peer.close()
    await engine.close()


async def test_the_answer_names_what_is_advertised() -> None:
    engine = EmbeddedSwitch(EngineConfig(media_advertise=("203.0.113.7", "2001:db8::7")))
    await engine.start()
    answer = await engine.open_browser_leg("a", CHROMIUM)
    assert f"m=audio {engine.media_port} UDP/TLS/RTP/SAVPF 0 126" in answer
    assert "c=IN IP4 203.0.113.7" in answer
    assert f" 203.0.113.7 {engine.media_port} typ host" in answer
    assert f" 2001:db8::7 {engine.media_port} typ host" in answer
    assert "127.0.0.1 " + str(engine.media_port) not in answer
    await engine.close()


async def test_every_section_of_an_offer_is_answered_in_its_place() -> None:
    engine = EmbeddedSwitch()
    await engine.start()
    answer = await engine.open_browser_leg("a", UNUSUAL)
    video, audio = answer.split("\r\nm=")[1:]
    assert video.startswith("video 0 ")
    assert "a=mid:v" in video
    assert audio.startswith(f"audio {engine.media_port} UDP/TLS/RTP/SAVPF 0 101")
    assert "a=recvonly" in audio  # it only sends
    assert "a=group:BUNDLE a\r\n" in answer
    assert parse_offer(answer.replace("a=setup:passive", "a=setup:actpass")).ufrag
    await engine.close()


async def test_no_more_legs_than_allowed() -> None:
    engine = EmbeddedSwitch(EngineConfig(max_legs=2))
    await engine.start()
    for name in ("a", "b"):
        await engine.open_browser_leg(name, CHROMIUM)
    with pytest.raises(SwitchError) as error:
        await engine.open_browser_leg("c", CHROMIUM)
    assert error.value.code is SwitchErrorCode.OVERLOADED
    await engine.open_browser_leg("a", CHROMIUM)  # one that exists is no further leg
    await engine.hang_up("a")
    await engine.open_browser_leg("c", CHROMIUM)
    with pytest.raises(SwitchError) as error:
        await engine.open_browser_leg("a", CHROMIUM)
    assert error.value.code is SwitchErrorCode.NO_SUCH_LEG
    await engine.close()


async def test_a_port_that_is_taken_is_said_at_the_start() -> None:
    first = EmbeddedSwitch()
    await first.start()
    second = EmbeddedSwitch(EngineConfig(media_port=first.media_port))
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.close()
    await first.close()


async def test_the_clock_catches_up_a_little_and_skips_the_rest() -> None:
    ticks, skipped, reached = 0, 0, asyncio.Event()

    def tick(now: float) -> None:
        nonlocal ticks
        ticks += 1
        if ticks + skipped >= 30:
            reached.set()

    def skip(count: int) -> None:
        nonlocal skipped
        skipped += count

    ticker = Ticker(tick, skip)
    began = time.monotonic()
    ticker.start()
    await asyncio.sleep(0.05)
    blocked = time.monotonic()
    while time.monotonic() < blocked + 0.3:  # the loop is held up, as by a stopped process
        pass
    async with asyncio.timeout(5):
        await reached.wait()
    elapsed = time.monotonic() - began
    ticker.stop()
    assert skipped >= 8
    assert abs((ticks + skipped) * TICK_S - elapsed) < 0.1
    assert ticker.worst_s > 0.25
    assert ticker.late_percent > 20


async def test_a_reader_that_fell_behind_is_told_to_look_again() -> None:
    log = EventLog(kept=10)
    reader = log.read(log.last)
    events: list[SwitchEvent] = [LegRinging(str(number), 0.0) for number in range(15)]
    for event in events:
        log.append(event)
    log_reads = [await anext(reader) for _ in range(2)]
    assert isinstance(log_reads[0], NodeLost)
    assert log_reads[1] == NodeBack(log_reads[0].at, same_process=True)
    log.append(events[0])
    assert await anext(reader) == events[0]
    assert log.after(6) == [(number, events[number - 1]) for number in range(7, 16)] + [(16, events[0])]
    assert log.after(5) is None
    assert log.after(17) is None


def test_hold_music_is_music_that_loops_without_a_click() -> None:
    music = hold_music()
    assert music is hold_music()
    assert len(music) % FRAME_BYTES == 0
    assert len(music) == 32 * 16000
    samples = memoryview(music).cast("h")
    assert 5000 < max(samples) < 20000
    assert max(abs(samples[i] - samples[i - 1]) for i in range(-50, 50)) < 3000


def test_used_processor_time_is_measured() -> None:
    meter = CpuMeter()
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    meter.sample(time.monotonic())
    assert 0 < meter.percent() <= 110
