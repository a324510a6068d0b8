"""TLS trunks on FreeSWITCH: a provider whose certificate is trusted, one whose is not, one that shows another's name."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hearthline.switch.embedded.sip.digest import DigestServer
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegHungUp,
    Party,
    PhoneAccount,
    RegistrationChanged,
    SwitchError,
    SwitchErrorCode,
    Transport,
    Trunk,
)
from hearthline.switch.robots.browser_peer import PeerClock
from tests.sip.test_tls import write_certificate
from tests.switch.freeswitch_node import FreeswitchNode, freeswitch_node
from tests.switch.parties import Phone, hears
from tests.switch.town import Town
from tests.testbed.programs import wait_until

pytestmark = pytest.mark.freeswitch

NUMBER = Destination(number="+79160000001")


@dataclass(frozen=True)
class Certificates:
    trusted: Path  # for this provider
    misnamed: Path  # signed by somebody who is trusted, for another host
    stranger: Path  # for this provider, signed by nobody who is known


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    return Certificates(
        write_certificate(folder, "127.0.0.1", name="trusted.pem"),  # FreeSWITCH asks the DNS, which has no localhost
        write_certificate(folder, "elsewhere.example", "192.0.2.1", name="misnamed.pem"),
        write_certificate(folder, "127.0.0.1", name="stranger.pem"),
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[FreeswitchNode]:
    """Believes the first two, and nobody else."""
    bundle = tmp_path_factory.mktemp("authorities") / "bundle.pem"
    bundle.write_text(certificates.trusted.read_text() + certificates.misnamed.read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(bundle))
        with freeswitch_node(tmp_path_factory.mktemp("freeswitch-tls"), tls=True, phones=False) as node:
            yield node


@pytest.fixture
async def town(node: FreeswitchNode, clock: PeerClock) -> AsyncIterator[Town]:
    client = FreeswitchSwitch(node.client_config())
    client.start()
    await client.wait_connected()
    town = Town(client, clock)
    await asyncio.sleep(0)
    yield town
    for leg in await client.legs():
        await client.hang_up(leg.leg)
    await town.close()
    await client.close()


@asynccontextmanager
async def provider(certificate: Path, clock: PeerClock) -> AsyncIterator[Phone]:
    """A provider that speaks TLS, and the person whom it calls in one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    agent = await UserAgent.start(
        UserAgentConfig(bind="127.0.0.1", tls=context, admission=DigestServer("provider", {"line": "right"}))
    )
    phone = Phone(agent, clock, 523)
    yield phone
    await phone.close()


def trunk(phone: Phone, **changes: object) -> Trunk:
    made = Trunk(
        name="tls", host="127.0.0.1", port=phone.tls_port, transport=Transport.TLS, username="line", password="right"
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_call_over_tls_is_heard_both_ways(town: Town, certificates: Certificates, clock: PeerClock) -> None:
    browser = await town.browser(440)
    async with provider(certificates.trusted, clock) as phone:
        await town.switch.ring(
            phone.leg, NUMBER, caller_id="+74950000001", timeout_s=10, trunk=trunk(phone), max_duration_s=60
        )
        await town.told.wait(LegAnswered, phone.leg)
        await town.switch.connect([browser.leg, phone.leg])
        await asyncio.gather(hears(browser, 523), hears(phone, 440))
        await town.switch.hang_up(phone.leg)
        await asyncio.wait_for(phone.ended.wait(), 5)


@pytest.mark.parametrize("whose", ["stranger", "misnamed"])
async def test_a_wrong_certificate_is_refused_and_nothing_is_sent(
    town: Town, certificates: Certificates, clock: PeerClock, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(getattr(certificates, whose), clock) as phone:
        leg = uuid.uuid4().hex
        await town.switch.ring(leg, NUMBER, caller_id="+74950000001", timeout_s=10, trunk=trunk(phone))
        ended = await town.told.wait(LegHungUp, leg)
        assert (ended.cause, ended.by, ended.sip_status) == (102, Party.SWITCH, None)  # it is all that FreeSWITCH says
        assert phone.calls == []
        with pytest.raises(SwitchError, match="certificate is not trusted"):
            await town.switch.test_trunk(trunk(phone))
        await asyncio.to_thread(
            wait_until, lambda: "certificate is not trusted" in caplog.text, "the reason in the log"
        )


async def test_a_registration_over_tls_says_what_is_wrong_with_the_certificate(
    town: Town, certificates: Certificates, clock: PeerClock
) -> None:
    async with provider(certificates.stranger, clock) as phone:
        await town.switch.keep_registered([trunk(phone, register=True)])
        told = await town.told.wait(RegistrationChanged)
        assert not told.registered
        assert "certificate is not trusted" in told.said
        await town.switch.keep_registered([])


async def test_a_trunk_that_is_not_to_be_verified_is_refused_in_words(
    town: Town, certificates: Certificates, clock: PeerClock
) -> None:
    async with provider(certificates.stranger, clock) as phone:
        with pytest.raises(SwitchError, match="verifies the certificate of every TLS trunk") as error:
            await town.switch.ring(
                uuid.uuid4().hex, NUMBER, caller_id="", timeout_s=5, trunk=trunk(phone, tls_verify=False)
            )
        assert error.value.code is SwitchErrorCode.BAD_REQUEST
        assert await town.switch.legs() == []
        await town.switch.keep_registered([trunk(phone, tls_verify=False, register=True)])
        assert "verifies" in (await town.told.wait(RegistrationChanged)).said
        assert phone.calls == []


async def test_without_a_port_for_telephones_the_rest_works_and_it_is_said(town: Town) -> None:
    await town.switch.accept_phones([])
    with pytest.raises(SwitchError, match="no port for telephones"):
        await town.switch.accept_phones([PhoneAccount("anna", "hearthline", "0" * 32)])
    assert await town.switch.registered_phones() == []


async def test_without_tls_a_tls_trunk_is_refused_in_words(freeswitch: FreeswitchSwitch) -> None:
    line = Trunk(name="tls", host="127.0.0.1", port=9, transport=Transport.TLS)
    with pytest.raises(SwitchError, match="HEARTHLINE_FREESWITCH_TLS_PORT"):
        await freeswitch.ring(uuid.uuid4().hex, NUMBER, caller_id="", timeout_s=5, trunk=line)
    assert await freeswitch.legs() == []
