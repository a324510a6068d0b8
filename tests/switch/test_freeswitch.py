"""What is FreeSWITCH's alone: what it refuses, what it does without call control, and how its client finds back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.freeswitch.line_port import LinePort
from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegHungUp,
    LegState,
    NodeBack,
    NodeLost,
    Party,
    SwitchError,
    SwitchErrorCode,
    Trunk,
)
from hearthline.switch.robots.browser_peer import PeerClock
from tests.switch.freeswitch_node import FreeswitchNode
from tests.switch.parties import Phone, Told, hears
from tests.switch.town import Town
from tests.testbed.provider import Account, Provider

pytestmark = pytest.mark.freeswitch


class Cable:
    """A TCP connection to FreeSWITCH that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.whole = True

    async def lay(self) -> int:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, there_writer]
        await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))

    def cut(self) -> None:
        self.whole = False
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def close(self) -> None:
        self.cut()
        assert self._server is not None
        self._server.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def cable(freeswitch_process: FreeswitchNode) -> AsyncIterator[Cable]:
    cable = Cable(freeswitch_process.config.event_port)
    yield cable
    cable.close()


@pytest.fixture
async def phone(clock: PeerClock) -> AsyncIterator[Phone]:
    phone = await Phone.create(clock, 523)
    await phone.admit()
    yield phone
    await phone.close()


async def test_a_strangers_call_is_refused_and_makes_no_channel(
    freeswitch: FreeswitchSwitch, freeswitch_process: FreeswitchNode
) -> None:
    port = freeswitch_process.config.sip_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.settimeout(5)
        here = stranger.getsockname()[1]
        invite = (
            f"INVITE sip:+79161234567@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bKstranger\r\n"
            f"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:+79161234567@127.0.0.1>\r\nCall-ID: {uuid.uuid4().hex}\r\n"
            f"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@127.0.0.1:{here}>\r\nContent-Length: 0\r\n\r\n"
        )
        answers: list[str] = []
        await asyncio.to_thread(stranger.sendto, invite.encode(), ("127.0.0.1", port))
        while not answers or answers[-1].startswith("SIP/2.0 1"):
            answers.append((await asyncio.to_thread(stranger.recv, 65_536)).decode())
    assert answers[-1].startswith("SIP/2.0 40")
    reply = await freeswitch.socket.api("show channels like external")
    assert "0 total" in reply


async def test_the_port_for_lines_needs_its_key(
    freeswitch: FreeswitchSwitch, freeswitch_process: FreeswitchNode, town: Town
) -> None:
    leg = uuid.uuid4().hex
    lines = LinePort("127.0.0.1", freeswitch_process.config.lines_port, "another-key-than-the-right-one")
    with pytest.raises(SwitchError) as error:
        await lines.invite(
            leg, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        )
    assert error.value.code is SwitchErrorCode.FAILED
    assert "key" in error.value.message
    assert await freeswitch.socket.api(f"uuid_exists {leg}") == "false"
    await lines.close()


async def test_a_phone_call_ends_soon_after_its_call_control_died(
    freeswitch_process: FreeswitchNode, phone: Phone
) -> None:
    client = FreeswitchSwitch(replace(freeswitch_process.client_config(), orphan_limit_s=3))
    client.start()
    await client.wait_connected()
    told = Told(client.events())
    await phone.ring(client)
    await told.wait(LegAnswered, phone.leg)
    # while it lives it puts the end off, and the call goes on beyond the limit
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(phone.ended.wait(), 8)
    await told.stop()
    await client.close()
    await asyncio.wait_for(phone.ended.wait(), 8)


async def test_what_ended_while_the_connection_was_cut_is_told_when_it_is_back(
    freeswitch_process: FreeswitchNode, cable: Cable, clock: PeerClock
) -> None:
    client = FreeswitchSwitch(replace(freeswitch_process.client_config(), event_port=await cable.lay()))
    client.start()
    await client.wait_connected()
    town = Town(client, clock)
    browser, phone = await town.browser(440), await town.called(523)
    await client.connect([browser.leg, phone.leg])
    await browser.ear.listen(3.1)  # a leg younger than three seconds may have no channel yet
    cable.cut()
    await town.told.wait(NodeLost)
    with pytest.raises(SwitchError) as error:
        await client.park(browser.leg)
    assert error.value.code is SwitchErrorCode.UNREACHABLE
    await hears(browser, 523)  # the call goes on
    phone.calls[0].hang_up()
    await asyncio.wait_for(phone.ended.wait(), 5)
    cable.whole = True
    assert (await town.told.wait(NodeBack)).same_process
    told = await town.told.wait(LegHungUp, phone.leg)
    assert (told.cause, told.by) == (41, Party.SWITCH)
    assert [type(event) for event in town.told.events].index(NodeBack) < town.told.events.index(told)
    (snapshot,) = await client.legs()
    assert (snapshot.leg, snapshot.state, snapshot.connected_with) == (browser.leg, LegState.UP, ())
    await client.hang_up(browser.leg)
    await town.close()
    await client.close()


async def test_another_call_control_finds_everything_as_it_was(
    freeswitch_process: FreeswitchNode, clock: PeerClock, tmp_path: Path
) -> None:
    first = FreeswitchSwitch(freeswitch_process.client_config())
    first.start()
    await first.wait_connected()
    town = Town(first, clock)
    a, b, phone = await town.browser(440), await town.browser(650), await town.called(523)
    await first.connect([a.leg, phone.leg])
    await first.record(phone.leg, str(tmp_path / "call.wav"))
    before = {one.leg: (one.kind, one.state, one.connected_with, one.recording, one.tags) for one in await first.legs()}
    await first.close()

    second = FreeswitchSwitch(freeswitch_process.client_config())
    second.start()
    await second.wait_connected()
    after = {one.leg: (one.kind, one.state, one.connected_with, one.recording, one.tags) for one in await second.legs()}
    assert after == before
    await asyncio.gather(hears(a, 523), hears(phone, 440))
    await a.ear.listen(0.5)
    measured = {one.leg: one.stats.voice_in_ms for one in await second.legs()}
    assert all(measured[leg] > 100 for leg in (a.leg, b.leg, phone.leg))
    a.peer.accept(await second.open_browser_leg(a.leg, a.peer.restart_offer()))  # a leg that another process opened
    await second.connect([a.leg, b.leg, phone.leg])
    await asyncio.gather(hears(a, 523, 650), hears(b, 440, 523))
    for leg in (a.leg, b.leg, phone.leg):
        await second.hang_up(leg)
    town.switch = second
    await town.close()
    await second.close()


async def test_a_password_of_every_character_that_can_be_said(tmp_path: Path, freeswitch: FreeswitchSwitch) -> None:
    password = "p@s=s;w+o~r d!#%&()*/?_.-$`x"
    told = Told(freeswitch.events())
    await asyncio.sleep(0)
    with Provider(tmp_path, {"line": Account(password)}, {"79160000486": 486}) as provider:
        leg = uuid.uuid4().hex
        number = Destination(number="+79160000486")
        await freeswitch.ring(leg, number, caller_id="+74950000001", timeout_s=5, trunk=provider.trunk("line"))
        assert (await told.wait(LegHungUp, leg)).sip_status == 486
        wrong, bad = uuid.uuid4().hex, replace(provider.trunk("line"), password="wrong")
        await freeswitch.ring(wrong, number, caller_id="+74950000001", timeout_s=5, trunk=bad)
        ended = await told.wait(LegHungUp, wrong)
        assert (ended.cause, ended.by, ended.sip_status) == (21, Party.REMOTE, 401)
        for refused in "'\\,{}[]<>|^:":
            trunk = replace(provider.trunk("line"), password=f"a{refused}b")
            with pytest.raises(SwitchError) as error:
                await freeswitch.ring(uuid.uuid4().hex, number, caller_id="", timeout_s=5, trunk=trunk)
            assert error.value.code is SwitchErrorCode.BAD_REQUEST
    assert await freeswitch.legs() == []
    await told.stop()


@pytest.mark.parametrize(
    "uri", ["sip:a@127.0.0.1|sofia/external/sip:b@127.0.0.1", "sip:a@127.0.0.1,b", "sip:a{x=1}@127.0.0.1"]
)
async def test_a_destination_cannot_carry_a_second_one(freeswitch: FreeswitchSwitch, uri: str) -> None:
    with pytest.raises(SwitchError) as error:
        await freeswitch.ring(
            uuid.uuid4().hex,
            Destination(sip_uri=uri),
            caller_id="",
            timeout_s=5,
            trunk=Trunk(name="t", host="127.0.0.1"),
        )
    assert error.value.code is SwitchErrorCode.BAD_REQUEST
    assert await freeswitch.legs() == []
