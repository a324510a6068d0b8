"""Our user agent against other people's software: Kamailio as the provider, baresip as the phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hearthline.switch.embedded.sip.events import Answered, Digit, Ended, Held, Ringing
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.outgoing import OutgoingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party, SwitchError, Transport, Trunk
from tests.sip.listening import Listener, level, run_audio
from tests.testbed.phone import Phone
from tests.testbed.provider import RINGS_FOR_EVER, Account, Provider
from tests.testbed.sounds import frequency_level

pytestmark = pytest.mark.sip

CALLER = "+74950000001"
ACCOUNTS = {"line": Account("s,e=cret", {"74950000001"}, numbers=("74950000001",))}
BEHAVIOUR: dict[str, int | str] = {"79160000486": 486, "79160000503": 503, "79160000180": RINGS_FOR_EVER}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with Provider(tmp_path_factory.mktemp("network"), ACCOUNTS, BEHAVIOUR) as provider:
        yield provider


@pytest.fixture
async def agent() -> AsyncIterator[UserAgent]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    yield agent
    await agent.close()


async def dial(agent: UserAgent, trunk: Trunk, number: str, caller_id: str = CALLER) -> tuple[OutgoingCall, Listener]:
    told = Listener()
    call = await agent.invite(Destination(number=number), trunk=trunk, caller_id=caller_id, timeout_s=20, on_event=told)
    return call, told


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_a_call_to_a_phone_carries_both_voices(
    agent: UserAgent, provider: Provider, tmp_path: Path, transport: Transport
) -> None:
    with Phone(tmp_path, "79160000001", provider, tone_hz=659) as phone:
        call, told = await dial(agent, provider.trunk("line", transport=transport), "+79160000001")
        await told.wait(Answered)
        heard = await run_audio({call.audio: 440}, 75)
        assert level(heard[call.audio][-8000:], 659) > 5000
        call.hang_up()
        await asyncio.to_thread(phone.wait_closed)
        assert frequency_level(phone.heard(), 440) > 5000
        assert frequency_level(phone.heard(), 659) < 300
    assert told.kinds[-2:] == ["Answered", "Ended"]


async def test_the_phone_hangs_up_presses_keys_and_holds(agent: UserAgent, provider: Provider, tmp_path: Path) -> None:
    with Phone(tmp_path, "79160000002", provider, answer_after=0.3) as phone:
        call, told = await dial(agent, provider.trunk("line"), "+79160000002")
        await told.wait(Ringing)
        await told.wait(Answered)
        await run_audio({call.audio: 440}, 20)
        for key in "7#":
            phone.press(key)
            await run_audio({call.audio: 440}, 20)
        assert [event.digit for event in told.events if isinstance(event, Digit)] == ["7", "#"]
        phone.hold()
        await told.wait(Held)
        assert call.held
        told.events.clear()
        phone.resume()
        assert await told.wait(Held) == Held(False)
        heard = await run_audio({call.audio: 440}, 40)
        assert level(heard[call.audio][-4000:], 659) > 5000, "audio must be back after the hold"
        phone.hang_up()
        assert await told.wait(Ended) == Ended(16, Party.REMOTE)


async def test_what_goes_wrong_is_told(agent: UserAgent, provider: Provider) -> None:
    trunk = provider.trunk("line")
    expected = {
        "+79160000486": Ended(17, Party.REMOTE, 486),
        "+79160000503": Ended(41, Party.REMOTE, 503),
        "+79169999999": Ended(1, Party.REMOTE, 404),
    }
    for number, end in expected.items():
        _, told = await dial(agent, trunk, number)
        assert await told.wait(Ended) == end
    _, told = await dial(agent, trunk, "+79160000486", caller_id="+74959999999")
    assert await told.wait(Ended) == Ended(21, Party.REMOTE, 403)
    call, told = await dial(agent, trunk, "+79160000180")
    await told.wait(Ringing)
    call.hang_up()
    assert told.events[-1] == Ended(16, Party.LOCAL)


async def test_a_registered_trunk_brings_calls_to_the_handler(
    agent: UserAgent, provider: Provider, tmp_path: Path
) -> None:
    taken: asyncio.Queue[IncomingCall] = asyncio.Queue()
    heard = Listener()

    def take(call: IncomingCall) -> None:
        call.on_event = heard
        call.ring()
        call.answer()
        taken.put_nowait(call)

    agent.on_incoming(take)
    await agent.admit(provider.trunk("line", register=True))
    registration = agent.registration(provider.trunk("line").name)
    assert registration is not None
    async with asyncio.timeout(10):
        await registration.changed.wait()
    assert registration.registered
    assert provider.registered("line")
    with Phone(tmp_path, "79160000003", provider) as phone:
        phone.dial("74950000001")
        async with asyncio.timeout(10):
            call = await taken.get()
        assert call.caller == "79160000003"
        await heard.wait(Answered)
        got = await run_audio({call.audio: 440}, 60)
        assert level(got[call.audio][-8000:], 659) > 5000
        call.hang_up()
        await asyncio.to_thread(phone.wait_closed)
        assert frequency_level(phone.heard(), 440) > 5000
    await agent.dismiss(provider.trunk("line").name)
    assert not provider.registered("line")


async def test_a_trunk_is_checked_in_one_sentence(agent: UserAgent, provider: Provider) -> None:
    assert "takes the password" in await agent.check_trunk(provider.trunk("line"))
    assert "accepted the registration of line" in await agent.check_trunk(provider.trunk("line", register=True))
    assert not provider.registered("line")
    for register in (True, False):
        with pytest.raises(SwitchError, match="does not accept the user name or password"):
            await agent.check_trunk(provider.trunk("line", password="wrong", register=register))
    with pytest.raises(SwitchError, match=r"did not answer within 0\.4 seconds"):
        await agent.check_trunk(Trunk(name="x", host="127.0.0.1", port=9, username="u", register=True), timeout_s=0.4)
    with pytest.raises(SwitchError, match="could not be reached"):
        await agent.check_trunk(Trunk(name="x", host="127.0.0.1", port=9, transport=Transport.TCP), timeout_s=4)


@pytest.mark.parametrize(
    ("algorithm", "challenge"),
    [("SHA-256", 407), ("MD5", 401), ("SHA-256", 401)],
)
async def test_every_kind_of_challenge_is_answered(
    agent: UserAgent, tmp_path: Path, algorithm: str, challenge: int
) -> None:
    with Provider(tmp_path, ACCOUNTS, BEHAVIOUR, algorithm=algorithm, challenge=challenge) as provider:
        _, told = await dial(agent, provider.trunk("line"), "+79160000486")
        assert await told.wait(Ended) == Ended(17, Party.REMOTE, 486)
        _, told = await dial(agent, provider.trunk("line", password="wrong"), "+79160000486")
        assert await told.wait(Ended) == Ended(21, Party.REMOTE, challenge)


async def test_a_registrar_that_wants_longer_registrations_gets_them(agent: UserAgent, tmp_path: Path) -> None:
    with Provider(tmp_path, ACCOUNTS, shortest_registration=700) as provider:
        assert "accepted" in await agent.check_trunk(provider.trunk("line", register=True))
