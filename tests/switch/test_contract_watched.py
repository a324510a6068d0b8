"""Numbers that a switch watches, part of the port's contract: they ring, nobody answers, who called is told."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.embedded.sip.message import Headers, Request
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import WATCHED_BOUND, NumberCalled, Switch, SwitchError, SwitchErrorCode, WatchedNumber
from hearthline.switch.watched import MOST_RINGING
from tests.sip.scripted import ScriptedPeer, description
from tests.switch.town import Town

NUMBER = "+74951234567"


def sip_port(switch: Switch, request: pytest.FixtureRequest) -> int:
    if isinstance(switch, EmbeddedSwitch):
        return switch.sip_port
    if isinstance(switch, FreeswitchSwitch):
        return switch.config.sip_port
    assert isinstance(switch, EmbeddedClient)
    engine: Path = request.getfixturevalue("engine_process")
    return int(json.loads(engine.with_suffix(".json").read_text())["sip_port"])


@pytest.fixture
async def caller(town: Town, request: pytest.FixtureRequest) -> AsyncIterator[ScriptedPeer]:
    peer = await ScriptedPeer.start()
    peer.from_address = ("127.0.0.1", sip_port(town.switch, request))
    yield peer
    await town.switch.watch_numbers([])
    peer.close()


def watched(*hosts: str) -> WatchedNumber:
    return WatchedNumber(NUMBER, "itsp", hosts)


def call(peer: ScriptedPeer, user: str, to: str = "", caller: str = "+79160000001") -> Request:
    host, port = peer.from_address
    fields = [
        ("Via", f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
        ("From", f"<sip:{caller}@127.0.0.1>;tag=theirs"),
        ("To", f"<sip:{to or user}@127.0.0.1>"),
        ("Call-ID", secrets.token_hex(8)),
        ("CSeq", "1 INVITE"),
        ("Contact", f"<sip:far@127.0.0.1:{peer.port}>"),
        ("Max-Forwards", "70"),
    ]
    request = Request("INVITE", f"sip:{user}@{host}:{port}", Headers(fields))
    request.set_body("application/sdp", description())
    return peer.ask(request)


def give_up(peer: ScriptedPeer, request: Request) -> None:
    fields = [(name, request.headers.get(name) or "") for name in ("Via", "From", "To", "Call-ID")]
    peer.ask(Request("CANCEL", request.uri, Headers([*fields, ("CSeq", "1 CANCEL")])))


@pytest.mark.parametrize(("user", "to"), [("+74951234567", ""), ("account", "84951234567")])
async def test_it_rings_is_not_answered_and_is_told(town: Town, caller: ScriptedPeer, user: str, to: str) -> None:
    await town.switch.watch_numbers([watched("127.0.0.1")])
    request = call(caller, user, to)
    ringing = await caller.response(180)
    assert not ringing.body
    assert await town.switch.legs() == []
    give_up(caller, request)
    await caller.response(487)
    told = await town.told.wait(NumberCalled)
    assert (told.number, told.trunk, told.caller) == (NUMBER, "itsp", "+79160000001")
    assert 0 < told.rang_ms < 5000


async def test_so_many_ring_at_once_and_one_more_hears_busy(town: Town, caller: ScriptedPeer) -> None:
    await town.switch.watch_numbers([watched("127.0.0.1")])
    ringing = []
    for n in range(MOST_RINGING):
        ringing.append(call(caller, NUMBER, caller=f"+791600001{n:02}"))
        await caller.response(180)
    call(caller, NUMBER, caller="+79160000999")
    assert (await caller.response()).status == 486
    assert (await town.told.wait(NumberCalled)).rang_ms == 0
    for request in ringing:
        give_up(caller, request)
    await town.told.wait(NumberCalled, count=MOST_RINGING + 1)


async def test_others_are_refused_as_before(town: Town, caller: ScriptedPeer) -> None:
    await town.switch.watch_numbers([watched("127.0.0.1")])
    call(caller, "+74951234568")
    assert (await caller.response()).status in (403, 404)
    await town.switch.watch_numbers([watched("192.0.2.1", "2001:db8::/64")])
    call(caller, NUMBER)
    assert (await caller.response()).status in (403, 404)
    await town.switch.watch_numbers([])
    call(caller, NUMBER)
    assert (await caller.response()).status in (403, 404)
    assert town.told.all(NumberCalled) == []


async def test_a_host_that_is_none_hides_no_other(town: Town, caller: ScriptedPeer) -> None:
    await town.switch.watch_numbers([watched("no-such-host.invalid", "localhost")])
    request = call(caller, NUMBER)
    await caller.response(180)
    give_up(caller, request)
    await town.told.wait(NumberCalled)


async def test_too_many_and_twice_the_same_are_refused(town: Town) -> None:
    many = [WatchedNumber(f"+7495{n:07}", "itsp", ()) for n in range(WATCHED_BOUND + 1)]
    for numbers in (many, [watched("127.0.0.1")] * 2):
        with pytest.raises(SwitchError) as error:
            await town.switch.watch_numbers(numbers)
        assert error.value.code is SwitchErrorCode.BAD_REQUEST
