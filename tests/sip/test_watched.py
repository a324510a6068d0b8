"""Calls to watched numbers, from a scripted provider: they ring, nobody answers, who called is told, strangers learn nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from hearthline.switch.embedded.sip import watched as watching
from hearthline.switch.embedded.sip.message import Headers, Request
from hearthline.switch.embedded.sip.transaction import Timers
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import NumberCalled, SwitchError, WatchedNumber
from hearthline.switch.watched import A_MINUTE_FROM_CALLER, MOST_RINGING
from tests.sip.scripted import ScriptedPeer, description

NUMBER = "+74951234567"


class House:
    """Our agent, watching one number."""

    def __init__(self, agent: UserAgent, peer: ScriptedPeer) -> None:
        self.agent, self.peer = agent, peer
        self.told: asyncio.Queue[NumberCalled] = asyncio.Queue()
        agent.watched.on_call = self.told.put_nowait

    async def called(self) -> NumberCalled:
        async with asyncio.timeout(3):
            return await self.told.get()

    def call(self, user: str, to: str = "", caller: str = "+79160000001", **headers: str) -> Request:
        fields = [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.peer.port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
            ("From", f"<sip:{caller}@127.0.0.1>;tag=theirs"),
            ("To", f"<sip:{to or user}@127.0.0.1>"),
            ("Call-ID", secrets.token_hex(8)),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<sip:far@127.0.0.1:{self.peer.port}>"),
            ("Max-Forwards", "70"),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        request = Request("INVITE", f"sip:{user}@127.0.0.1:{self.agent.port}", Headers(fields))
        request.set_body("application/sdp", description())
        return self.peer.ask(request)

    def give_up(self, request: Request) -> None:
        fields = [(name, request.headers.get(name) or "") for name in ("Via", "From", "To", "Call-ID")]
        self.peer.ask(Request("CANCEL", request.uri, Headers([*fields, ("CSeq", "1 CANCEL")])))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    peer = await ScriptedPeer.start()
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1", timers=Timers(t1=0.03, t2=0.24, t4=0.3)))
    house = House(agent, peer)
    await agent.watched.watch([WatchedNumber(NUMBER, "itsp", ("127.0.0.0/8",))])
    peer.from_address = ("127.0.0.1", agent.port)
    yield house
    peer.obliging = True
    await agent.close()
    peer.close()


@pytest.mark.parametrize(
    ("user", "to"), [("+74951234567", ""), ("74951234567", ""), ("84951234567", ""), ("line", "74951234567")]
)
async def test_it_rings_until_the_caller_gives_up(house: House, user: str, to: str) -> None:
    request = house.call(user, to)
    ringing = await house.peer.response(180)
    assert ringing.to.tag
    assert not ringing.body
    house.give_up(request)
    assert {(await house.peer.response()).status, (await house.peer.response()).status} == {200, 487}
    told = await house.called()
    assert (told.number, told.trunk, told.caller) == (NUMBER, "itsp", "+79160000001")
    assert 0 < told.rang_ms < 3000
    assert house.agent.calls == []


async def test_nobody_answers_and_then_it_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "WATCHED_RINGS_S", 0.1)
    house.call("+74951234567")
    assert (await house.peer.response()).status == 480
    assert (await house.called()).rang_ms >= 100


async def test_other_numbers_and_other_hosts_are_strangers_as_before(house: House) -> None:
    house.call("+74951234568")
    assert (await house.peer.response()).status == 404
    await house.agent.watched.watch([WatchedNumber(NUMBER, "itsp", ("192.0.2.7",))])
    house.call("+74951234567")
    assert (await house.peer.response()).status == 404
    await house.agent.watched.watch([])
    house.call("+74951234567")
    assert (await house.peer.response()).status == 404
    assert house.told.empty()


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({"P_Asserted_Identity": "<sip:+79169999999@itsp.example>"}, "+79169999999"),
        ({"P_Asserted_Identity": "<sip:+79169999999@itsp.example>", "Privacy": "header;id"}, ""),
        ({"P_Called_Party_ID": "<sip:x@itsp.example>"}, "+79160000001"),
    ],
)
async def test_who_called_is_the_networks_word_unless_it_was_withheld(
    house: House, headers: dict[str, str], caller: str
) -> None:
    request = house.call("+74951234567", **headers)
    await house.peer.response(180)
    house.give_up(request)
    assert (await house.called()).caller == caller


async def test_a_name_or_nonsense_is_no_number(house: House) -> None:
    request = house.call("+74951234567", caller="anonymous")
    await house.peer.response(180)
    house.give_up(request)
    assert (await house.called()).caller == ""


async def test_one_caller_is_let_ring_so_often_and_no_more(house: House) -> None:
    statuses = []
    for _n in range(A_MINUTE_FROM_CALLER + 3):
        request = house.call("+74951234567")
        status = 0
        while status not in (180, 404):
            status = (await house.peer.response(404 if house.told.qsize() == A_MINUTE_FROM_CALLER else 180)).status
        statuses.append(status)
        if status == 180:
            house.give_up(request)
            await house.peer.response(487)
    assert statuses == [180] * A_MINUTE_FROM_CALLER + [404] * 3
    assert house.told.qsize() == A_MINUTE_FROM_CALLER


async def test_so_many_ring_at_once_and_the_next_hears_busy(house: House) -> None:
    for n in range(MOST_RINGING):
        house.call("+74951234567", caller=f"+791600001{n:02}")
        await house.peer.response(180)
    house.call("+74951234567", caller="+79160000999")
    assert (await house.peer.response()).status == 486
    assert (await house.called()).rang_ms == 0


async def test_the_same_number_twice_is_a_mistake(house: House) -> None:
    one = WatchedNumber(NUMBER, "itsp", ("127.0.0.1",))
    with pytest.raises(SwitchError):
        await house.agent.watched.watch([one, one])
