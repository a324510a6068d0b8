"""TLS trunks: with a certificate that is trusted, and with one that is not."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hearthline.switch.embedded.sip.digest import DigestServer
from hearthline.switch.embedded.sip.events import Answered, Ended
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party, SwitchError, Transport, Trunk
from tests.sip.listening import Listener, level, run_audio

NUMBER = Destination(number="+79160000001")


def write_certificate(
    folder: Path, host: str = "localhost", address: str = "127.0.0.1", name: str = "server.pem"
) -> Path:
    """A self-signed certificate for a host and an address with its key, one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(address))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / name
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return write_certificate(tmp_path)


@pytest.fixture
async def server(certificate: Path) -> AsyncIterator[UserAgent]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await UserAgent.start(
        UserAgentConfig(bind="127.0.0.1", tls=context, admission=DigestServer("r", {"line": "right"}))
    )
    yield server
    await server.close()


@pytest.fixture
async def agent() -> AsyncIterator[UserAgent]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    yield agent
    await agent.close()


def trunk(server: UserAgent, *, verify: bool, host: str = "127.0.0.1") -> Trunk:
    return Trunk(
        name="tls",
        host=host,
        port=server.tls_port,
        transport=Transport.TLS,
        username="line",
        password="right",
        tls_verify=verify,
    )


async def talk(agent: UserAgent, server: UserAgent, line: Trunk) -> None:
    calls: list[IncomingCall] = []
    theirs = Listener()

    def take(call: IncomingCall) -> None:
        call.on_event = theirs
        calls.append(call)
        call.answer()

    server.on_incoming(take)
    told = Listener()
    call = await agent.invite(NUMBER, trunk=line, caller_id="", timeout_s=5, on_event=told)
    await told.wait(Answered)
    await theirs.wait(Answered)
    heard = await run_audio({call.audio: 440, calls[0].audio: 660}, 20)
    assert level(heard[call.audio][-3200:], 660) > 5000
    call.hang_up()
    await theirs.wait(Ended)


async def test_an_untrusted_certificate_is_refused_and_may_be_allowed(agent: UserAgent, server: UserAgent) -> None:
    told = Listener()
    await agent.invite(NUMBER, trunk=trunk(server, verify=True), caller_id="", timeout_s=5, on_event=told)
    assert await told.wait(Ended) == Ended(38, Party.SWITCH)
    with pytest.raises(SwitchError, match="certificate is not trusted"):
        await agent.check_trunk(trunk(server, verify=True))
    await talk(agent, server, trunk(server, verify=False))


async def test_a_trusted_certificate_is_verified_by_name(
    agent: UserAgent, server: UserAgent, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await talk(agent, server, trunk(server, verify=True, host="localhost"))
