"""Staying registered, at a scripted registrar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hearthline.switch.embedded.sip import registration
from hearthline.switch.embedded.sip.framing import StreamFramer
from hearthline.switch.embedded.sip.message import Request, parse, response_to
from hearthline.switch.embedded.sip.registration import Registration, refresh_after
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import SwitchError, Transport, Trunk
from tests.sip.scripted import ScriptedPeer


@pytest.fixture
async def peer() -> AsyncIterator[ScriptedPeer]:
    peer = await ScriptedPeer.start()
    yield peer
    peer.close()


@pytest.fixture
async def agent() -> AsyncIterator[UserAgent]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    yield agent
    await agent.close()


async def attempted(kept: Registration) -> None:
    async with asyncio.timeout(5):
        await kept.changed.wait()
    kept.changed.clear()


def grant(peer: ScriptedPeer, request: Request, expires: int) -> None:
    """200 that lists another device's binding before ours."""
    ours = (request.headers.get("Contact") or "") + f";expires={expires}"
    peer.respond(request, 200, headers={"Contact": f"<sip:other@192.0.2.9>;expires=7000, {ours}"})


def test_refreshing_leaves_time_for_lost_packets() -> None:
    assert refresh_after(600) == 510
    assert refresh_after(60) == 51
    assert refresh_after(20) == 15
    assert refresh_after(3) == 1
    for expires in range(2, 4000):
        assert refresh_after(expires) < expires


async def test_it_signs_refreshes_and_takes_back(agent: UserAgent, peer: ScriptedPeer) -> None:
    await agent.admit(peer.trunk(register=True))
    kept = agent.registration("scripted")
    assert kept is not None
    first = await peer.request("REGISTER")
    peer.respond(first, 401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
    while (signed := await peer.request("REGISTER")).cseq == first.cseq:
        pass
    assert "nc=00000001" in (signed.headers.get("Authorization") or "")
    grant(peer, signed, 3)
    await attempted(kept)
    assert kept.registered
    assert kept.outcome is not None
    assert kept.outcome.expires == 3
    refresh = await peer.request("REGISTER", seconds=3)
    assert refresh.call_id == first.call_id
    assert refresh.cseq[0] == signed.cseq[0] + 1
    assert "nc=00000002" in (refresh.headers.get("Authorization") or "")
    grant(peer, refresh, 600)
    await attempted(kept)
    ending = asyncio.create_task(agent.dismiss("scripted"))
    last = await peer.request("REGISTER")
    assert last.headers.number("Expires") == 0
    peer.respond(last, 200)
    await ending
    assert agent.registration("scripted") is None


async def test_a_refusal_is_tried_again_later(
    agent: UserAgent, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "FIRST_RETRY", 0.1)
    await agent.admit(peer.trunk(register=True))
    kept = agent.registration("scripted")
    assert kept is not None
    peer.respond(await peer.request("REGISTER"), 503)
    await attempted(kept)
    assert not kept.registered
    assert kept.outcome is not None
    assert registration.describe(kept.outcome) == "the provider answered 503 Service Unavailable"
    grant(peer, await peer.request("REGISTER"), 600)
    await attempted(kept)
    assert kept.registered


async def test_the_same_trunk_again_changes_nothing_and_another_password_registers_anew(
    agent: UserAgent, peer: ScriptedPeer
) -> None:
    await agent.admit(peer.trunk(register=True))
    kept = agent.registration("scripted")
    assert kept is not None
    grant(peer, await peer.request("REGISTER"), 600)
    await attempted(kept)
    await agent.admit(peer.trunk(register=True))
    assert agent.registration("scripted") is kept
    changing = asyncio.create_task(agent.admit(peer.trunk(register=True, password="new")))
    peer.respond(await peer.request("REGISTER"), 200)  # the old one is taken back
    await changing
    assert agent.registration("scripted") is not kept
    grant(peer, await peer.request("REGISTER"), 600)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (403, "forbids it"),
        (404, "does not know the user line"),
        (500, "refused the registration"),
        (401, "user name or pass"),
    ],
)
async def test_refusals_are_told_in_a_sentence(
    agent: UserAgent, peer: ScriptedPeer, status: int, sentence: str
) -> None:
    checking = asyncio.create_task(agent.check_trunk(peer.trunk(register=True), timeout_s=3))
    peer.respond(await peer.request("REGISTER"), status)
    with pytest.raises(SwitchError, match=sentence):
        await checking


async def test_a_lost_connection_is_registered_anew(agent: UserAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP the provider reaches us by the connection we made: without it we would be deaf until the refresh."""
    monkeypatch.setattr(registration, "KEEP_ALIVE", 0.1)
    registered: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = StreamFramer()
        while data := await reader.read(4096):
            for message in framer.feed(data):
                request = parse(message)
                assert isinstance(request, Request)
                answer = response_to(request, 200)
                answer.headers.add("Expires", "600")
                writer.write(answer.encode())
                registered.put_nowait(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await agent.admit(
        Trunk(name="tcp", host="127.0.0.1", port=port, transport=Transport.TCP, username="u", register=True)
    )
    async with asyncio.timeout(5):
        first = await registered.get()
        first.close()
        second = await registered.get()
        assert second is not first
    await agent.dismiss("tcp")
    second.close()
    server.close()
