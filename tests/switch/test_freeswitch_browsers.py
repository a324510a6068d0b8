"""An unmodified Chromium on a line of FreeSWITCH."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import LegAnswered, LegDigit, LegHungUp, Party
from hearthline.switch.robots.browser_peer import PeerClock
from tests.switch.page import CHROMIUM, visited
from tests.switch.test_browsers import STARTS_S, converse, microphone
from tests.switch.town import Town

pytestmark = [pytest.mark.browser, pytest.mark.freeswitch]


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no Chromium on this machine")
@pytest.mark.parametrize("codec", ["PCMU", "opus"])
async def test_chromium(freeswitch: FreeswitchSwitch, clock: PeerClock, tmp_path: Path, codec: str) -> None:
    town = Town(freeswitch, clock)
    leg, other = uuid.uuid4().hex, await town.browser(440)

    async def answer(offer: str) -> str:
        return await freeswitch.open_browser_leg(leg, offer, tags={"codec": codec})

    async with visited("chromium", answer, microphone(tmp_path, 1000)) as page:
        await town.told.wait(LegAnswered, leg, timeout_s=STARTS_S)
        await converse(town, leg, other, 1000, page)
        assert {one.stats.codec for one in await freeswitch.legs() if one.leg == leg} == {codec}
        page.wish = "digits"
        await town.told.wait(LegDigit, leg, count=4)
        assert [one.digit for one in town.told.all(LegDigit, leg)] == list("159#")
        page.wish = "restart"
        await page.until(lambda page: len(page.offers) == 2, "it restarts ICE")
        await page.until(lambda page: page.state == "connected", "it is connected again")
        await converse(town, leg, other, 1000, page)
        assert len(town.told.all(LegAnswered, leg)) == 1
    told = await town.told.wait(LegHungUp, leg, timeout_s=15)  # the browser was killed
    assert told.by is Party.SWITCH
    await town.close()
