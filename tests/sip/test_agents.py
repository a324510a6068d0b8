"""Two user agents of ours call each other over real sockets."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from hearthline.switch.embedded.sip.digest import DigestServer
from hearthline.switch.embedded.sip.events import Answered, Digit, EarlyMedia, Ended, Held, Ringing
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.message import response_to
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party, SwitchError, SwitchErrorCode, Transport, Trunk
from tests.sip.listening import Listener, level, run_audio

NUMBER = Destination(number="+79161234567")


class Callee:
    """An agent that challenges its callers and does what `act` says with a call."""

    def __init__(self, agent: UserAgent) -> None:
        self.agent = agent
        self.calls: list[IncomingCall] = []
        self.heard = Listener()
        self.act: Callable[[IncomingCall], None] = lambda call: call.answer()
        agent.on_incoming(self._take)

    def _take(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.on_event = self.heard
        self.act(call)

    def trunk(self, *, password: str = "right", transport: Transport = Transport.UDP, max_channels: int = 0) -> Trunk:
        return Trunk(
            name="provider",
            host="127.0.0.1",
            port=self.agent.port,
            username="line",
            password=password,
            transport=transport,
            max_channels=max_channels,
        )


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    admission = DigestServer("test", {"line": "right"})
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1", admission=admission))
    yield Callee(agent)
    await agent.close()


@pytest.fixture
async def agent() -> AsyncIterator[UserAgent]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    yield agent
    await agent.close()


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_a_call_from_ringing_to_bye_with_audio_both_ways(
    agent: UserAgent, callee: Callee, transport: Transport
) -> None:
    def act(call: IncomingCall) -> None:
        call.ring()
        call.early()

    callee.act = act
    told = Listener()
    call = await agent.invite(
        NUMBER, trunk=callee.trunk(transport=transport), caller_id="+74950000000", timeout_s=5, on_event=told
    )
    await told.wait(EarlyMedia)
    assert told.kinds == ["Ringing", "EarlyMedia"]
    theirs = callee.calls[0]
    assert (theirs.called, theirs.caller) == ("+79161234567", "+74950000000")
    heard = await run_audio({call.audio: 440, theirs.audio: 660}, 15)
    assert level(heard[call.audio][-1600:], 660) > 4000, "early media must be heard"
    theirs.answer()
    await told.wait(Answered)
    await callee.heard.wait(Answered)
    heard = await run_audio({call.audio: 440, theirs.audio: 660}, 25)
    assert level(heard[call.audio][-3200:], 660) > 6000
    assert level(heard[theirs.audio][-3200:], 440) > 6000
    assert level(heard[theirs.audio][-3200:], 660) < 400

    call.send_digits("5#")
    await run_audio({call.audio: 440, theirs.audio: 660}, 25)
    assert [event.digit for event in callee.heard.events if isinstance(event, Digit)] == ["5", "#"]

    call.hang_up(17)
    assert told.events[-1] == Ended(17, Party.LOCAL)
    assert await callee.heard.wait(Ended) == Ended(17, Party.REMOTE)


async def test_hold_and_back_by_either_side(agent: UserAgent, callee: Callee) -> None:
    told = Listener()
    call = await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=5, on_event=told)
    await callee.heard.wait(Answered)
    for us, them, heard in ((call, callee.calls[0], callee.heard), (callee.calls[0], call, told)):
        us.hold(True)
        await heard.wait(Held)
        assert them.held
        assert not them.audio.sending
        heard.events.clear()
        us.hold(False)
        assert await heard.wait(Held) == Held(False)
        assert them.audio.sending
        heard.events.clear()
    callee.calls[0].hang_up()
    assert await told.wait(Ended) == Ended(16, Party.REMOTE)


async def test_a_wrong_password_is_refused_after_one_try(agent: UserAgent, callee: Callee) -> None:
    told = Listener()
    await agent.invite(NUMBER, trunk=callee.trunk(password="wrong"), caller_id="", timeout_s=5, on_event=told)
    assert await told.wait(Ended) == Ended(21, Party.REMOTE, 407)
    assert not callee.calls


@pytest.mark.parametrize(("status", "cause"), [(486, 17), (404, 1), (603, 21), (480, 18), (503, 41)])
async def test_refusals_become_causes(agent: UserAgent, callee: Callee, status: int, cause: int) -> None:
    callee.act = lambda call: call.reject(status)
    told = Listener()
    await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=5, on_event=told)
    assert await told.wait(Ended) == Ended(cause, Party.REMOTE, status)
    assert agent.calls == []


async def test_hanging_up_while_it_rings_cancels(agent: UserAgent, callee: Callee) -> None:
    callee.act = lambda call: call.ring()
    told = Listener()
    call = await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=5, on_event=told)
    await told.wait(Ringing)
    call.hang_up()
    assert told.kinds == ["Ringing", "Ended"]
    assert await callee.heard.wait(Ended) == Ended(16, Party.REMOTE, 487)


async def test_nobody_answers_in_time(agent: UserAgent, callee: Callee) -> None:
    callee.act = lambda call: call.ring()
    told = Listener()
    await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=0.3, on_event=told)
    assert await told.wait(Ended) == Ended(19, Party.SWITCH)
    await callee.heard.wait(Ended)


async def test_the_channels_of_a_trunk_are_counted(agent: UserAgent, callee: Callee) -> None:
    trunk = callee.trunk(max_channels=1)
    told = Listener()
    call = await agent.invite(NUMBER, trunk=trunk, caller_id="", timeout_s=5, on_event=told)
    with pytest.raises(SwitchError) as refusal:
        await agent.invite(NUMBER, trunk=trunk, caller_id="", timeout_s=5, on_event=Listener())
    assert refusal.value.code is SwitchErrorCode.OVERLOADED
    assert len(agent.calls) == 1
    call.hang_up()
    await agent.invite(NUMBER, trunk=trunk, caller_id="", timeout_s=5, on_event=Listener())


async def test_a_stranger_gets_one_404_and_reaches_nobody(agent: UserAgent, callee: Callee) -> None:
    reached: list[IncomingCall] = []
    agent.on_incoming(reached.append)
    told = Listener()
    trunk = Trunk(name="us", host="127.0.0.1", port=agent.port)
    await callee.agent.invite(NUMBER, trunk=trunk, caller_id="", timeout_s=5, on_event=told)
    assert await told.wait(Ended) == Ended(1, Party.REMOTE, 404)
    assert reached == []


async def test_closing_hangs_up(callee: Callee) -> None:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    told = Listener()
    await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=5, on_event=told)
    await told.wait(Answered)
    await agent.close()
    assert told.events[-1] == Ended(16, Party.LOCAL)
    await callee.heard.wait(Ended)


async def test_an_unknown_host_is_said_at_once(agent: UserAgent) -> None:
    async with asyncio.timeout(8):
        with pytest.raises(SwitchError, match="could not be resolved"):
            await agent.invite(
                NUMBER,
                trunk=Trunk(name="t", host="no-such-host.invalid"),
                caller_id="",
                timeout_s=5,
                on_event=Listener(),
            )


async def test_a_storm_of_damaged_messages_hurts_nobody(
    agent: UserAgent, callee: Callee, caplog: pytest.LogCaptureFixture
) -> None:
    """The storm knows one call's identifiers; another call talks on, and nothing is raised anywhere."""
    told = Listener()
    of_target = Listener()
    target = await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=5, on_event=of_target)
    await of_target.wait(Answered)
    talking = await agent.invite(NUMBER, trunk=callee.trunk(), caller_id="", timeout_s=5, on_event=told)
    await told.wait(Answered)
    theirs = next(call for call in callee.calls if call.dialog and call.dialog.call_id == talking.call_id)
    assert target.dialog is not None
    dice = random.Random(4)
    seeds = []
    for method in ("INVITE", "UPDATE", "INFO", "OPTIONS", "NOTIFY", "REFER", "ACK", "CANCEL"):
        victim = next(call for call in callee.calls if call.dialog and call.dialog.call_id == target.call_id)
        assert victim.dialog is not None
        request = victim.dialog.request(method, "SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKx;rport", cseq=70_000)
        request.set_body("application/sdp", victim._media.local.offer())
        seeds += [request.encode(), response_to(request, 200, to_tag="x").encode(), response_to(request, 407).encode()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as storm:
        storm.bind(("127.0.0.2", 0))
        storm.setblocking(False)
        storming = asyncio.create_task(_storm(storm, dice, seeds, [agent.port, talking._media.local.port]))
        heard = await run_audio({talking.audio: 440, theirs.audio: 660}, 100)
        sent = await storming
    assert sent > 2000
    assert level(heard[talking.audio][-8000:], 660) > 6000
    assert level(heard[theirs.audio][-8000:], 440) > 6000
    assert not talking.over
    assert agent.dropped > 500
    assert talking._media.refused > 100
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def _storm(storm: socket.socket, dice: random.Random, seeds: list[bytes], ports: list[int]) -> int:
    for number in range(2500):
        data = bytearray(dice.choice(seeds).replace(b"z9hG4bKx", b"z9hG4bK%d" % number))
        for _ in range(dice.randrange(6)):
            place = dice.randrange(len(data))
            data[place : place + dice.randrange(4)] = dice.randbytes(dice.randrange(4))
        storm.sendto(bytes(data), ("127.0.0.1", ports[0]))
        storm.sendto(b"\x80" + dice.randbytes(170), ("127.0.0.1", ports[1]))
        if number % 20 == 0:
            await asyncio.sleep(0.01)
    return 2500
