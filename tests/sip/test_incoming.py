"""Calls that reach us, from a scripted provider."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from hearthline.switch.embedded.sip.events import Answered, Ended
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.transaction import Timers
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Party, Trunk
from tests.sip.listening import Listener
from tests.sip.scripted import ScriptedPeer, description


class Exchange:
    """Our agent with a handler that keeps what comes."""

    def __init__(self, agent: UserAgent) -> None:
        self.agent = agent
        self.told = Listener()
        self.calls: asyncio.Queue[IncomingCall] = asyncio.Queue()

    def take(self, call: IncomingCall) -> None:
        call.on_event = self.told
        self.calls.put_nowait(call)

    async def call(self) -> IncomingCall:
        async with asyncio.timeout(3):
            return await self.calls.get()


@pytest.fixture
async def peer() -> AsyncIterator[ScriptedPeer]:
    peer = await ScriptedPeer.start()
    yield peer
    peer.close()


@pytest.fixture
async def exchange(peer: ScriptedPeer) -> AsyncIterator[Exchange]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1", timers=Timers(t1=0.03, t2=0.24, t4=0.3)))
    exchange = Exchange(agent)
    agent.on_incoming(exchange.take)
    await agent.admit(Trunk(name="in", host="127.0.0.1", port=peer.port))
    peer.from_address = ("127.0.0.1", agent.port)
    yield exchange
    peer.obliging = True
    await agent.close()


def invite(peer: ScriptedPeer, exchange: Exchange, body: bytes | None = None, **headers: str) -> Request:
    request = Request(
        "INVITE",
        f"sip:74950000001@127.0.0.1:{exchange.agent.port}",
        Headers(
            [
                ("Via", f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
                ("From", "<sip:+79160000001@127.0.0.1>;tag=theirs"),
                ("To", "<sip:74950000001@127.0.0.1>"),
                ("Call-ID", secrets.token_hex(8)),
                ("CSeq", "1 INVITE"),
                ("Contact", f"<sip:far@127.0.0.1:{peer.port}>"),
                ("Record-Route", f"<sip:127.0.0.1:{peer.port};lr;z=1+1>"),
                ("Max-Forwards", "70"),
            ]
        ),
    )
    for name, value in headers.items():
        request.headers.add(name, value)
    if body is None:
        body = description()
    if body:
        request.set_body("application/sdp", body)
    return peer.ask(request)


def cancel(peer: ScriptedPeer, request: Request) -> None:
    headers = Headers([(name, request.headers.get(name) or "") for name in ("Via", "From", "To", "Call-ID")])
    headers.add("CSeq", "1 CANCEL")
    peer.ask(Request("CANCEL", request.uri, headers))


async def test_ring_answer_and_their_goodbye(peer: ScriptedPeer, exchange: Exchange) -> None:
    request = invite(peer, exchange)
    call = await exchange.call()
    assert (call.called, call.caller, call.trunk_name) == ("74950000001", "+79160000001", "in")
    call.ring()
    ringing = await peer.response(180)
    call.answer()
    ok = await peer.response(200)
    assert ok.to.tag == ringing.to.tag
    assert ok.headers.all("Record-Route") == request.headers.all("Record-Route")
    assert b"m=audio" in ok.body
    await peer.response(200)  # repeated until acknowledged
    assert exchange.told.kinds == []
    peer.acknowledge(request, ok)
    await exchange.told.wait(Answered)
    assert call.audio.codec == "PCMA"
    bye = Request("BYE", request.uri, Headers(list(request.headers)))
    for name, value in (
        ("CSeq", "2 BYE"),
        ("To", ok.to.text),
        ("Via", f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bKbye"),
    ):
        bye.headers.set(name, value)
    peer.ask(bye)
    assert await exchange.told.wait(Ended) == Ended(16, Party.REMOTE)


async def test_a_caller_who_gives_up(peer: ScriptedPeer, exchange: Exchange) -> None:
    request = invite(peer, exchange)
    call = await exchange.call()
    call.ring()
    await peer.response(180)
    cancel(peer, request)
    statuses = {(await peer.response()).status, (await peer.response()).status}
    assert statuses == {200, 487}
    assert exchange.told.events == [Ended(16, Party.REMOTE, 487)]
    call.answer()  # too late: nothing happens
    assert exchange.told.kinds == ["Ended"]


async def test_an_answer_that_is_never_acknowledged(peer: ScriptedPeer, exchange: Exchange) -> None:
    invite(peer, exchange)
    (await exchange.call()).answer()
    assert await exchange.told.wait(Ended) == Ended(102, Party.SWITCH)
    await peer.request("BYE")


async def test_we_hang_up_before_their_ack_and_say_so_after_it(peer: ScriptedPeer, exchange: Exchange) -> None:
    request = invite(peer, exchange)
    call = await exchange.call()
    call.answer()
    ok = await peer.response(200)
    call.hang_up()
    assert exchange.told.events == [Ended(16, Party.LOCAL)]
    await peer.response(200)
    assert peer.count("BYE") == 0
    peer.acknowledge(request, ok)
    bye = await peer.request("BYE")
    assert bye.headers.all("Route") == request.headers.all("Record-Route")
    peer.respond(bye, 200)


async def test_a_call_without_an_offer_gets_ours(peer: ScriptedPeer, exchange: Exchange) -> None:
    request = invite(peer, exchange, body=b"")
    call = await exchange.call()
    call.answer()
    ok = await peer.response(200)
    peer.acknowledge(request, ok, description())
    await exchange.told.wait(Answered)
    assert call.audio.codec == "PCMA"


async def test_refusals(peer: ScriptedPeer, exchange: Exchange) -> None:
    async def status(body: bytes | None = None, **headers: str) -> Response:
        request = invite(peer, exchange, body, **headers)
        while (answer := await peer.response()).call_id != request.call_id:
            pass  # an earlier refusal, repeated
        return answer

    assert (await status(description().replace(b"AVP 8", b"AVP 18"))).status == 488
    assert (await status(b"v=rubbish")).status == 400
    needy = await status(Require="100rel, replaces")
    assert (needy.status, needy.headers.get("Unsupported")) == (420, "100rel, replaces")
    invite(peer, exchange)
    (await exchange.call()).hang_up(17)
    await peer.response(486)
    exchange.agent.on_incoming(None)
    assert (await status()).status == 480
    await exchange.agent.dismiss("in")
    assert (await status()).status == 404
    assert exchange.agent.calls == []


async def test_a_stranger_is_answered_once(peer: ScriptedPeer, exchange: Exchange) -> None:
    """Refusals to those we do not know are not repeated: with a forged source we would be flooding somebody."""
    await exchange.agent.dismiss("in")
    invite(peer, exchange)
    assert (await peer.response()).status == 404
    with pytest.raises(TimeoutError):
        await peer.response(seconds=0.3)


async def test_a_looping_call_is_refused(peer: ScriptedPeer, exchange: Exchange) -> None:
    first = invite(peer, exchange)
    await exchange.call()
    again = Request("INVITE", first.uri, Headers(list(first.headers)), first.body)
    again.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bKother")
    peer.ask(again)
    assert (await peer.response()).status == 482


async def test_options_are_answered_to_anybody(peer: ScriptedPeer, exchange: Exchange) -> None:
    await exchange.agent.dismiss("in")
    request = invite(peer, exchange)
    options = Request("OPTIONS", request.uri, Headers(list(request.headers)))
    options.headers.set("CSeq", "7 OPTIONS")
    peer.drain()
    peer.ask(options)
    answer = await peer.response(200)
    assert "INVITE" in (answer.headers.get("Allow") or "")
    for method, status in (("REGISTER", 405), ("SUBSCRIBE", 405), ("DANCE", 501), ("BYE", 481)):
        options = Request(method, request.uri, Headers(list(request.headers)))
        options.headers.set("CSeq", f"8 {method}")
        options.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK{secrets.token_hex(5)}")
        peer.ask(options)
        assert (await peer.response()).status == status


async def test_a_gateway_that_sends_from_one_port_and_listens_on_another(
    peer: ScriptedPeer, exchange: Exchange
) -> None:
    """Without `rport` the answer goes where the Via says."""
    speaker = await ScriptedPeer.start()
    speaker.from_address = peer.from_address
    request = invite(speaker, exchange)
    assert (await speaker.response(100)).status == 100
    again = Request("OPTIONS", request.uri, Headers(list(request.headers)))
    again.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK{secrets.token_hex(5)}")
    again.headers.set("CSeq", "5 OPTIONS")
    speaker.ask(again)
    assert (await peer.response(200)).cseq == (5, "OPTIONS")
    speaker.close()
