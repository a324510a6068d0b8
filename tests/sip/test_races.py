"""What networks do to calls: lost and repeated packets, crossing requests, forks. The far end is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hearthline.switch.embedded.sip import session_timer
from hearthline.switch.embedded.sip.events import Answered, Digit, EarlyMedia, Ended, Held, Ringing
from hearthline.switch.embedded.sip.message import Request
from hearthline.switch.embedded.sip.outgoing import OutgoingCall
from hearthline.switch.embedded.sip.transaction import Timers
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party
from tests.sip.listening import Listener
from tests.sip.scripted import ScriptedPeer, description

SHORT = Timers(t1=0.03, t2=0.24, t4=0.3)  # give_up: 1.92 s


@pytest.fixture
async def peer() -> AsyncIterator[ScriptedPeer]:
    peer = await ScriptedPeer.start()
    yield peer
    peer.close()


@pytest.fixture
async def agent(peer: ScriptedPeer) -> AsyncIterator[UserAgent]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1", timers=SHORT))
    yield agent
    peer.obliging = True
    await agent.close()


class Placed:
    """A call of ours at the scripted peer."""

    def __init__(self, call: OutgoingCall, told: Listener, invite: Request) -> None:
        self.call, self.told, self.invite = call, told, invite


async def place(agent: UserAgent, peer: ScriptedPeer, timeout_s: float = 10) -> Placed:
    told = Listener()
    call = await agent.invite(
        Destination(number="+79160000001"), trunk=peer.trunk(), caller_id="+7495", timeout_s=timeout_s, on_event=told
    )
    return Placed(call, told, await peer.request("INVITE"))


async def answered(agent: UserAgent, peer: ScriptedPeer, **headers: str) -> Placed:
    placed = await place(agent, peer)
    peer.respond(
        placed.invite, 200, body=description(), headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    await peer.request("ACK")
    await placed.told.wait(Answered)
    return placed


# --- before the answer ----------------------------------------------------------------------------------------------


async def test_an_invite_is_repeated_until_somebody_speaks(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    again = [await peer.request("INVITE") for _ in range(3)]
    assert {one.top_via.branch for one in again} == {placed.invite.top_via.branch}
    peer.respond(placed.invite, 180)
    await placed.told.wait(Ringing)
    sent = peer.count("INVITE")
    await asyncio.sleep(SHORT.t1 * 20)
    assert peer.count("INVITE") == sent


async def test_a_silent_provider_is_given_up(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    assert await placed.told.wait(Ended) == Ended(102, Party.SWITCH)
    assert agent.calls == []


async def test_a_repeated_200_is_acknowledged_again(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    ok = peer.respond(placed.invite, 200, body=description())
    first = await peer.request("ACK")
    for _ in range(2):
        peer.send(ok.encode())
        assert (await peer.request("ACK")).encode() == first.encode()
    assert placed.told.kinds == ["Answered"]


async def test_a_repeated_refusal_is_acknowledged_again(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    busy = peer.respond(placed.invite, 486)
    ack = await peer.request("ACK")
    assert ack.top_via.branch == placed.invite.top_via.branch
    peer.send(busy.encode())
    await peer.request("ACK")
    assert placed.told.events == [Ended(17, Party.REMOTE, 486)]


async def test_a_cancel_waits_for_a_provisional_response(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    placed.call.hang_up()
    assert placed.told.events == [Ended(16, Party.LOCAL)]
    await peer.request("INVITE")  # a retransmission: still nothing but INVITEs
    assert peer.count("CANCEL") == 0
    peer.respond(placed.invite, 180)
    cancel = await peer.request("CANCEL")
    assert cancel.top_via.text == placed.invite.top_via.text
    assert cancel.cseq == (placed.invite.cseq[0], "CANCEL")
    assert cancel.to.tag == ""
    peer.respond(cancel, 200)
    peer.respond(placed.invite, 487)
    await peer.request("ACK")
    assert placed.told.kinds == ["Ended"]


async def test_a_200_that_crosses_a_cancel_is_acknowledged_and_ended(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 180)
    await placed.told.wait(Ringing)
    placed.call.hang_up()
    cancel = await peer.request("CANCEL")
    peer.respond(placed.invite, 200, body=description())
    await peer.request("ACK")
    bye = await peer.request("BYE")
    assert bye.to.tag == "far"
    peer.respond(bye, 200)
    peer.respond(cancel, 200)
    assert placed.told.kinds == ["Ringing", "Ended"]


async def test_of_two_forks_that_answer_one_is_kept(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 183, tag="one", body=description(40_010))
    peer.respond(placed.invite, 183, tag="two", body=description(40_020))
    await placed.told.wait(EarlyMedia)
    peer.respond(placed.invite, 200, tag="two", body=description(40_020))
    assert (await peer.request("ACK")).to.tag == "two"
    peer.respond(placed.invite, 200, tag="one", body=description(40_010))
    assert (await peer.request("ACK")).to.tag == "one"
    assert (await peer.request("BYE")).to.tag == "one"
    assert placed.told.kinds == ["EarlyMedia", "Answered"]
    assert not placed.call.over


async def test_an_answer_without_a_description_uses_the_early_one(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 183, body=description(40_010))
    peer.respond(placed.invite, 200)
    await placed.told.wait(Answered)
    assert placed.call.audio.codec == "PCMA"


@pytest.mark.parametrize("body", [b"", b"v=0\r\nrubbish", description(0), description().replace(b"AVP 8", b"AVP 18")])
async def test_an_answer_that_cannot_be_used_is_ended(agent: UserAgent, peer: ScriptedPeer, body: bytes) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 200, body=body)
    await peer.request("ACK")
    await peer.request("BYE")
    assert placed.told.events == [Ended(88, Party.SWITCH)]


async def test_a_redirection_is_not_followed(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 302, headers={"Contact": "<sip:900@premium.example>"})
    assert await placed.told.wait(Ended) == Ended(23, Party.REMOTE, 302)
    invites = [one for one in peer.seen if isinstance(one, Request) and one.method == "INVITE"]
    assert {one.top_via.branch for one in invites} == {placed.invite.top_via.branch}, "another than the first, repeated"


async def test_a_stated_cause_is_believed_before_the_status(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 480, headers={"Reason": 'SIP;cause=480, Q.850;cause=20;text="absent; gone"'})
    assert await placed.told.wait(Ended) == Ended(20, Party.REMOTE, 480)
    placed = await answered(agent, peer)
    bye = peer.within(placed.invite, "BYE", 1)
    bye.headers.add("Reason", "Q.850;cause=31")
    peer.ask(bye)
    assert await placed.told.wait(Ended) == Ended(31, Party.REMOTE)


async def test_a_longer_session_interval_is_accepted(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    peer.respond(placed.invite, 422, headers={"Min-SE": "3600"})
    second = await peer.request("INVITE")
    assert second.call_id == placed.invite.call_id
    assert second.cseq[0] == placed.invite.cseq[0] + 1
    assert session_timer.read(second) == (3600, "")
    assert second.headers.number("Min-SE") == 3600


async def test_the_timeout_cancels(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer, timeout_s=0.2)
    peer.respond(placed.invite, 180)
    assert await placed.told.wait(Ended) == Ended(19, Party.SWITCH)
    await peer.request("CANCEL")


# --- during the call ------------------------------------------------------------------------------------------------


async def test_requests_follow_the_recorded_route(agent: UserAgent, peer: ScriptedPeer) -> None:
    here = f"127.0.0.1:{peer.port}"
    await answered(agent, peer, Record_Route=f"<sip:127.0.0.9;lr>, <sip:{here};lr;x=a+b>")
    ack = next(one for one in reversed(peer.seen) if isinstance(one, Request) and one.method == "ACK")
    assert ack.uri == f"sip:far@{here}"
    assert ack.headers.all("Route") == [f"<sip:{here};lr;x=a+b>", "<sip:127.0.0.9;lr>"]


async def test_the_peers_hold_is_answered(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await answered(agent, peer)
    for cseq, (body, held) in enumerate(
        [
            (description(direction="sendonly"), True),
            (description(), False),
            (description(host="0.0.0.0"), True),
            (description(), False),
        ],
        start=1,
    ):
        again = peer.within(placed.invite, "INVITE", cseq)
        again.set_body("application/sdp", body)
        peer.ask(again)
        ok = await peer.response(200)
        peer.acknowledge(again, ok)
        assert await placed.told.wait(Held) == Held(held)
        assert placed.call.audio.sending is not held
        placed.told.events.clear()


async def test_a_reinvite_without_an_offer_gets_ours(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await answered(agent, peer)
    again = peer.ask(peer.within(placed.invite, "INVITE", 1))
    ok = await peer.response(200)
    assert b"m=audio" in ok.body
    peer.acknowledge(again, ok, description(40_100))
    update = peer.within(placed.invite, "OPTIONS", 2)  # answered after the ACK: it has been taken
    peer.ask(update)
    await peer.response(200)
    assert placed.call._media._latch.target == ("127.0.0.1", 40_100)


async def test_an_unacknowledged_reinvite_ends_the_call(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await answered(agent, peer)
    again = peer.within(placed.invite, "INVITE", 1)
    again.set_body("application/sdp", description())
    peer.ask(again)
    for _ in range(3):
        await peer.response(200)  # it is repeated
    assert await placed.told.wait(Ended) == Ended(102, Party.SWITCH)


async def test_crossing_reinvites_make_room_for_each_other(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await answered(agent, peer)
    placed.call.hold(True)
    ours = await peer.request("INVITE")
    theirs = peer.within(placed.invite, "INVITE", 1)
    theirs.set_body("application/sdp", description())
    peer.ask(theirs)
    await peer.response(491)
    peer.respond(ours, 491)
    again = await peer.request("INVITE", seconds=6)
    while again.cseq == ours.cseq:
        again = await peer.request("INVITE", seconds=6)
    assert b"a=sendonly" in again.body
    peer.respond(again, 200, body=description(direction="recvonly"))
    await peer.request("ACK")
    assert not placed.call.over


async def test_what_is_refused_within_a_call(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await answered(agent, peer)
    refer = peer.within(placed.invite, "REFER", 1)
    refer.headers.add("Refer-To", "<sip:900@premium.example>")
    expected = {"REFER": 603, "NOTIFY": 481, "PRACK": 481, "MESSAGE": 405, "TEA": 501, "OPTIONS": 200}
    peer.ask(refer)
    assert (await peer.response()).status == 603
    for cseq, (method, status) in enumerate(list(expected.items())[1:], start=2):
        peer.ask(peer.within(placed.invite, method, cseq))
        assert (await peer.response()).status == status, method
    peer.ask(peer.within(placed.invite, "OPTIONS", 1))
    assert (await peer.response()).status == 500, "an old sequence number"
    peer.ask(peer.within(placed.invite, "BYE", 99, tag="somebody-else"))
    assert (await peer.response()).status == 481
    needy = peer.within(placed.invite, "INVITE", 100)
    needy.headers.add("Require", "100rel")
    peer.ask(needy)
    assert (await peer.response()).headers.get("Unsupported") == "100rel"
    assert placed.told.kinds == ["Answered"]


@pytest.mark.parametrize("body", [b"Signal=5\r\nDuration=160\r\n", b"5", b"Signal= 5"])
async def test_keys_sent_by_info_are_taken(agent: UserAgent, peer: ScriptedPeer, body: bytes) -> None:
    placed = await answered(agent, peer)
    info = peer.within(placed.invite, "INFO", 1)
    info.set_body("application/dtmf-relay", body)
    peer.ask(info)
    assert (await peer.response()).status == 200
    assert await placed.told.wait(Digit) == Digit("5")


async def test_a_challenged_bye_is_sent_again(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await answered(agent, peer)
    placed.call.hang_up()
    bye = await peer.request("BYE")
    peer.respond(bye, 401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n"'})
    while (again := await peer.request("BYE")).cseq == bye.cseq:
        pass
    assert again.headers.get("Authorization")
    peer.respond(again, 200)


async def test_we_refresh_the_session_when_it_is_on_us(
    agent: UserAgent, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_timer, "SHORTEST", 1)
    placed = await answered(agent, peer, Session_Expires="1;refresher=uac", Allow="INVITE, UPDATE")
    for _ in range(2):
        update = await peer.request("UPDATE")
        assert session_timer.read(update) == (1, "uac")
        peer.respond(update, 200, headers={"Session-Expires": "1;refresher=uac"})
    update = await peer.request("UPDATE")
    peer.respond(update, 501)
    refresh = await peer.request("INVITE")  # a far end without UPDATE after all
    assert refresh.body
    peer.respond(refresh, 481)
    assert await placed.told.wait(Ended) == Ended(102, Party.SWITCH)


async def test_a_far_end_that_does_not_refresh_is_gone(
    agent: UserAgent, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_timer, "SHORTEST", 1)
    placed = await answered(agent, peer, Session_Expires="2;refresher=uas")
    update = peer.within(placed.invite, "UPDATE", 1)
    for name, value in (("Session-Expires", "1;refresher=uac"), ("Supported", "timer")):
        update.headers.add(name, value)
    peer.ask(update)
    ok = await peer.response()
    assert ok.headers.get("Session-Expires") == "1;refresher=uac"
    assert await placed.told.wait(Ended) == Ended(102, Party.SWITCH)
    await peer.request("BYE")


# --- what nobody should send ----------------------------------------------------------------------------------------


async def test_rubbish_changes_nothing(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    via = placed.invite.headers.get("Via")
    ids = f"From: {placed.invite.from_.text}\r\nCall-ID: {placed.invite.call_id}\r\n"
    for data in (
        b"\x00" * 100,
        b"SIP/2.0 200 OK\r\n\r\n",
        f"SIP/2.0 200 OK\r\n{ids}To: <sip:a@b>;tag=1\r\nCSeq: 1 INVITE\r\n\r\n".encode(),
        f"SIP/2.0 200 OK\r\nVia: {via}\r\n{ids}To: <sip:a@b>;tag=1\r\nCSeq: one INVITE\r\n\r\n".encode(),
        b"INVITE sip:a@b SIP/2.0\r\nno colon here\r\n\r\n",
        placed.invite.encode()[:200],
        f"SIP/2.0 999 Nonsense\r\nVia: {via}\r\n{ids}To: <sip:a@b>;tag=1\r\nCSeq: 1 INVITE\r\n\r\n".encode(),
    ):
        peer.send(data)
    peer.respond(placed.invite, 200, body=description())
    await placed.told.wait(Answered)
    assert agent.dropped >= 7
    assert placed.told.kinds == ["Answered"]


async def test_a_bye_for_no_call_gets_481(agent: UserAgent, peer: ScriptedPeer) -> None:
    placed = await place(agent, peer)
    stray = peer.within(placed.invite, "BYE", 1)
    stray.headers.set("To", "<sip:x@y>;tag=nobody")
    peer.ask(stray)
    assert (await peer.response()).status == 481
