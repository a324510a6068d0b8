"""`hearthline doctor` where FreeSWITCH is the engine: the trial call goes out of it, beside the calls that are up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from django.conf import settings

from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import LegAnswered, LegHungUp
from hearthline.switch.robots.browser_peer import PeerClock
from tests.platform.test_cli import hearthline, own_data, provider
from tests.switch.conftest import clock
from tests.switch.freeswitch_node import FreeswitchNode, freeswitch_node
from tests.switch.parties import hears
from tests.switch.town import Town

__all__ = ["clock", "own_data", "provider"]  # fixtures

pytestmark = pytest.mark.freeswitch


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeswitchNode]:
    with freeswitch_node(tmp_path_factory.mktemp("freeswitch")) as node:
        yield node


@pytest.fixture
def chosen(node: FreeswitchNode, own_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """FreeSWITCH as the settings' engine."""
    for name, value in {
        "switch": "freeswitch",
        "freeswitch_event_port": node.config.event_port,
        "freeswitch_event_password": node.config.event_password,
        "freeswitch_lines_port": node.config.lines_port,
        "freeswitch_lines_key": node.config.lines_key,
        "sip_port": node.config.sip_port,
    }.items():
        monkeypatch.setattr(settings.HEARTHLINE, name, value)


def add_trunk(port: int) -> None:
    words = ("trunk", "add", "robots", "--host", "127.0.0.1", "--port", str(port), "--username", "line")
    added = hearthline(*words, "--caller-id", "+74950000001", "--password-stdin", stdin="right\n")
    assert added.exit_code == 0, added.output


@pytest.mark.usefixtures("chosen")
def test_the_trial_call_goes_out_of_freeswitch(provider: int, node: FreeswitchNode) -> None:
    add_trunk(provider)
    called = hearthline("doctor", "--call", "+7 916 000-00-01", "--trunk", "robots")
    assert "Answered." in called.output
    heard = re.search(r"Audio: (\d+) packets in, .* ([\d.]+) s of voice heard", called.output)
    assert heard, called.output
    assert int(heard[1]) > 200
    assert float(heard[2]) > 0.5
    assert "9160000001" not in called.output
    busy = hearthline("doctor", "--call", "+7 916 000-00-02")
    assert "cause 17 (busy)" in busy.output
    assert busy.exit_code == 1


@pytest.mark.usefixtures("chosen")
async def test_calls_that_are_up_and_their_call_control_do_not_notice(
    provider: int, node: FreeswitchNode, clock: PeerClock
) -> None:
    await asyncio.to_thread(add_trunk, provider)
    client = FreeswitchSwitch(node.client_config())
    client.start()
    await client.wait_connected()
    town = Town(client, clock)
    browser, phone = await town.browser(440), await town.called(523)
    await client.connect([browser.leg, phone.leg])
    before = {leg.leg for leg in await client.legs()}
    trial = asyncio.create_task(asyncio.to_thread(hearthline, "doctor", "--call", "+7 916 000-00-01"))
    seen = set()
    while not trial.done():
        await asyncio.wait({trial}, timeout=0.5)
        seen |= {leg.leg for leg in await client.legs()}
    assert "Answered." in trial.result().output
    assert seen == before  # the trial's leg is nobody's orphan
    assert town.told.all(LegHungUp) == []
    assert len(town.told.all(LegAnswered)) == 2
    await asyncio.gather(hears(browser, 523), hears(phone, 440))
    spoken = {leg.leg: leg.stats.voice_in_ms for leg in await client.legs()}
    await browser.ear.listen(1.0)
    assert all(leg.stats.voice_in_ms > spoken[leg.leg] for leg in await client.legs())  # they are still measured
    await client.hang_up(browser.leg)
    await town.close()
    await client.close()


@pytest.mark.usefixtures("chosen")
def test_a_freeswitch_that_is_away_is_a_finding(provider: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "freeswitch_event_port", 9)
    add_trunk(provider)
    called = hearthline("doctor", "--call", "+7 916 000-00-01")
    assert called.exit_code == 1
    assert "freeswitch-config" in called.output
    assert "answers (200 OK)" in called.output  # the trunk is asked all the same
    assert "Calling" not in called.output
