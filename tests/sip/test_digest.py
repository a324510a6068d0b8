"""Digest authentication, both sides, against the examples of the RFCs and a scripted challenger."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from hearthline.switch.embedded.sip.digest import Challenge, DigestClient, DigestServer, digest_response, parse_fields
from hearthline.switch.embedded.sip.events import Ended
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party
from tests.sip.listening import Listener
from tests.sip.scripted import ScriptedPeer

CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = Challenge(realm="http-auth@example.org", nonce=NONCE, algorithm=algorithm, qop="auth")
    got = digest_response(
        challenge,
        username="Mufasa",
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce=CNONCE,
        count="00000001",
    )
    assert got == response


def test_the_example_of_rfc_2617_without_qop() -> None:
    challenge = Challenge(realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093")
    # the value is that of RFC 2069 errata for these inputs
    got = digest_response(
        challenge,
        username="Mufasa",
        password="CircleOfLife",
        method="GET",
        uri="/dir/index.html",
        cnonce="",
        count="",
    )
    assert got == "1949323746fe6a43ef61f9606e7febea"


def respond(status: int, *challenges: str) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, "no", Headers([(name, value) for value in challenges]))


def test_the_strongest_challenge_is_answered() -> None:
    client = DigestClient("u", "p")
    assert client.take(
        respond(
            401,
            'Digest realm="r", nonce="1", algorithm=MD5, Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"',
            'Digest realm="r", nonce="3", algorithm=XYZ',
        )
    )
    request = Request("INVITE", "sip:a@b")
    client.sign(request)
    _, fields = parse_fields(request.headers.get("Authorization") or "")
    assert (fields["nonce"], fields["algorithm"], fields["nc"]) == ("2", "SHA-256", "00000001")
    client.sign(request)
    _, fields = parse_fields(request.headers.get("Authorization") or "")
    assert fields["nc"] == "00000002"
    assert len(request.headers.all("Authorization")) == 1


def test_a_refused_password_is_not_tried_for_ever_but_a_stale_nonce_is_renewed() -> None:
    client = DigestClient("u", "p")
    request = Request("INVITE", "sip:a@b")
    assert client.take(respond(407, 'Digest realm="r", nonce="1"'))
    client.sign(request)
    assert client.take(respond(407, 'Digest realm="r", nonce="2", stale=true'))
    client.sign(request)
    assert not client.take(respond(407, 'Digest realm="r", nonce="2"'))
    assert client.take(respond(407, 'Digest realm="r", nonce="3"')), "one more, for servers that forget to say stale"
    client.sign(request)
    assert not client.take(respond(407, 'Digest realm="r", nonce="4"'))
    assert not DigestClient("", "").take(respond(407, 'Digest realm="r", nonce="1"'))
    assert not client.take(respond(407))


def test_the_server_knows_its_own_nonces_and_users() -> None:
    server = DigestServer("r", {"u": "p"})
    for user, password, good in (("u", "p", True), ("u", "q", False), ("x", "p", False)):
        client = DigestClient(user, password)
        assert client.take(respond(407, server.challenge()))
        request = Request("INVITE", "sip:a@b")
        client.sign(request)
        assert server.verify(request) == (("u", False) if good else ("", False))
    old = DigestServer("r", {"u": "p"}, nonce_seconds=-1)
    client = DigestClient("u", "p")
    client.take(respond(407, old.challenge()))
    client.sign(request)
    assert old.verify(request) == ("", True)
    assert server.verify(request) == ("", False), "another server's nonce"
    for value in ("", "Digest", 'Digest realm="r"', 'Digest realm="r", nonce="zz.00", username="u"', "Basic x"):
        assert server.verify(Request("INVITE", "sip:a@b", Headers([("Proxy-Authorization", value)]))) == ("", False)


@pytest.fixture
async def peer() -> AsyncIterator[ScriptedPeer]:
    peer = await ScriptedPeer.start()
    yield peer
    peer.close()


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", ""])
@pytest.mark.parametrize("qop", ["", "auth", "auth-int", "auth,auth-int"])
async def test_the_invite_is_signed_as_the_provider_asks(peer: ScriptedPeer, algorithm: str, qop: str) -> None:
    """What the far end computes here is written out from RFC 7616 §3.4, apart from the code it proves."""
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    told = Listener()
    await agent.invite(Destination(number="+79160000001"), trunk=peer.trunk(), caller_id="", timeout_s=5, on_event=told)
    invite = await peer.request("INVITE")
    challenge = 'Digest realm="a, realm", nonce="n=1,2", opaque="o"'
    challenge += f", algorithm={algorithm}" if algorithm else ""
    challenge += f', qop="{qop}"' if qop else ""
    peer.respond(invite, 401, headers={"WWW-Authenticate": challenge})
    while (signed := await peer.request("INVITE")).cseq == invite.cseq:
        pass
    _, said = parse_fields(signed.headers.get("Authorization") or "")
    kind = hashlib.sha256 if algorithm.startswith("SHA") else hashlib.md5

    def h(text: bytes) -> str:
        return kind(text).hexdigest()

    a1 = h(b"line:a, realm:secret")
    if algorithm.endswith("-sess"):
        a1 = h(f"{a1}:n=1,2:{said['cnonce']}".encode())
    chosen = "auth" if "auth" in qop.split(",") else qop
    a2 = f"INVITE:{signed.uri}" + (f":{h(signed.body)}" if chosen == "auth-int" else "")
    middle = f":{said['nc']}:{said['cnonce']}:{chosen}" if chosen else ""
    assert said["response"] == h(f"{a1}:n=1,2{middle}:{h(a2.encode())}".encode())
    assert said["opaque"] == "o"
    assert said.get("qop", "") == chosen
    peer.respond(signed, 486)
    assert await told.wait(Ended) == Ended(17, Party.REMOTE, 486)
    await agent.close()
