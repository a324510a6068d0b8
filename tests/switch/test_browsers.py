"""Unmodified browsers on a line: a page offers, talks and listens, as the exchange's own page does."""

from __future__ import annotations

import asyncio
import math
import os
import uuid
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import ifaddr
import pytest

from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.port import LegAnswered, LegDigit, LegHungUp, LegMediaStalled, Party
from hearthline.switch.robots.browser_peer import PeerClock
from tests.switch.page import CHROMIUM, FIREFOX, Page, visited
from tests.switch.parties import Browser, hears
from tests.switch.town import Town

pytestmark = pytest.mark.browser

STARTS_S = 60.0  # a browser on a busy machine


def own_address() -> str | None:
    """An IPv4 address of this machine that is not loopback."""
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str) and not ip.ip.startswith("127."):
                return ip.ip
    return None


@asynccontextmanager
async def a_town(clock: PeerClock, host: str = "127.0.0.1") -> AsyncIterator[Town]:
    engine = EmbeddedSwitch(EngineConfig(media_bind=(host,), consent_timeout_s=6))
    await engine.start()
    town = Town(engine, clock)
    await asyncio.sleep(0)
    try:
        yield town
    finally:
        await town.close()
        await engine.close()


def microphone(folder: Path, hz: float) -> Path:
    path = folder / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(
            array("h", (int(12000 * math.sin(2 * math.pi * hz * i / 48000)) for i in range(96000))).tobytes()
        )
    return path


async def converse(town: Town, page_leg: str, other: Browser, hz: float, page: Page) -> None:
    """Both hear each other."""
    await town.switch.connect([page_leg, other.leg])
    await page.until_heard(other.hz)
    await hears(other, hz, unheard=[other.hz])


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no Chromium on this machine")
@pytest.mark.parametrize("codec", ["PCMU", "opus"])
async def test_chromium(clock: PeerClock, tmp_path: Path, codec: str) -> None:
    async with a_town(clock) as town:
        leg, other = uuid.uuid4().hex, await town.browser(440)

        async def answer(offer: str) -> str:
            return await town.switch.open_browser_leg(leg, offer, tags={"codec": codec})

        async with visited("chromium", answer, microphone(tmp_path, 1000)) as page:
            await town.told.wait(LegAnswered, leg, timeout_s=STARTS_S)
            await converse(town, leg, other, 1000, page)
            assert {one.stats.codec for one in await town.switch.legs() if one.leg == leg} == {codec}
            page.wish = "digits"
            await town.told.wait(LegDigit, leg, count=4)
            assert [one.digit for one in town.told.all(LegDigit, leg)] == list("159#")
            await town.switch.send_digits(leg, "42")  # a browser takes them without a word
            page.wish = "restart"
            await page.until(lambda page: len(page.offers) == 2, "it restarts ICE")
            await page.until(lambda page: page.state == "connected", "it is connected again")
            await converse(town, leg, other, 1000, page)
            assert len(town.told.all(LegAnswered, leg)) == 1
            if codec == "PCMU":
                page.wish = "close"
                told = await town.told.wait(LegHungUp, leg)
                assert (told.cause, told.by) == (16, Party.REMOTE)
        if codec == "opus":  # the browser was killed
            await town.told.wait(LegMediaStalled, leg)
            told = await town.told.wait(LegHungUp, leg, timeout_s=15)
            assert told.by is Party.SWITCH


@pytest.mark.skipif(not os.path.exists(FIREFOX), reason="no Firefox on this machine")
async def test_firefox(clock: PeerClock) -> None:
    host = own_address()
    if host is None:
        pytest.skip("Firefox takes no candidate on 127.0.0.1, and this machine has no other address")
    async with a_town(clock, host) as town:
        leg, other = uuid.uuid4().hex, await town.browser(440)

        async def answer(offer: str) -> str:
            return await town.switch.open_browser_leg(leg, offer)

        async with visited("firefox", answer) as page:
            await town.told.wait(LegAnswered, leg, timeout_s=STARTS_S)
            await converse(town, leg, other, 1000, page)  # its built-in false microphone says 1000 Hz
            page.wish = "digits"
            await town.told.wait(LegDigit, leg, count=4)
            assert [one.digit for one in town.told.all(LegDigit, leg)] == list("159#")
            page.wish = "restart"
            await page.until(lambda page: len(page.offers) == 2, "it restarts ICE")
            await converse(town, leg, other, 1000, page)
            page.wish = "close"
            told = await town.told.wait(LegHungUp, leg)
            assert told.by is Party.REMOTE
