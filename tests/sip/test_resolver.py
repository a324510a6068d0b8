"""From names to addresses, and connections that are used again."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from hearthline.switch.embedded.sip import resolver as module
from hearthline.switch.embedded.sip.addresses import SipUri
from hearthline.switch.embedded.sip.resolver import Resolver, UnknownHostError
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import Transport, Trunk


class Dns:
    """Stands in for the machine's resolver: names, and how often they were asked for."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(-2, "unknown")
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, 0, 0, "", (address, 0))
            for address in self.names[host]
        ]


@pytest.fixture
async def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    dns = Dns({"sip.example": ["2001:db8::1", "192.0.2.1", "192.0.2.2"]})
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", dns.getaddrinfo)
    return dns


async def test_a_trunk_leads_to_every_address_of_our_family(dns: Dns) -> None:
    trunk = Trunk(name="t", host="sip.example", transport=Transport.TLS, tls_verify=False)
    hops = await Resolver().trunk_hops(trunk)
    assert hops == [
        Hop(Transport.TLS, "192.0.2.1", 5061, "sip.example", tls_verify=False),
        Hop(Transport.TLS, "192.0.2.2", 5061, "sip.example", tls_verify=False),
    ]
    assert [hop.host for hop in await Resolver(ipv6=True).trunk_hops(trunk)] == ["2001:db8::1"]


@pytest.mark.parametrize("host", ["2001:db8::1", "[2001:db8::1]"])
async def test_an_address_of_the_other_family_is_told(host: str) -> None:
    with pytest.raises(UnknownHostError, match="bind address"):
        await Resolver().trunk_hops(Trunk(name="t", host=host))


async def test_answers_are_kept_and_renewed_behind_the_call(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver()
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    assert await resolver.addresses("sip.example") == ["192.0.2.1", "192.0.2.2"]
    dns.names["sip.example"] = ["192.0.2.9"]
    assert await resolver.addresses("sip.example") == ["192.0.2.1", "192.0.2.2"], "the call does not wait"
    await asyncio.gather(*resolver._refreshing.values())
    assert await resolver.addresses("sip.example") == ["192.0.2.9"]
    await asyncio.gather(*resolver._refreshing.values())
    del dns.names["sip.example"]
    await resolver.addresses("sip.example")
    await asyncio.gather(*resolver._refreshing.values(), return_exceptions=True)
    assert await resolver.addresses("sip.example") == ["192.0.2.9"], "DNS is down: the last address stays in use"
    await resolver.close()
    with pytest.raises(UnknownHostError, match=r"sip\.nowhere could not be resolved"):
        await resolver.addresses("sip.nowhere")


async def test_a_uri_says_its_transport_or_inherits_it() -> None:
    resolver = Resolver()
    like = Hop(Transport.TCP, "192.0.2.1", 5080)
    assert (await resolver.uri_hops(SipUri.parse("sip:a@192.0.2.1:5080"), like=like))[0] is like
    assert await resolver.uri_hops(SipUri.parse("sip:a@192.0.2.7;transport=UDP"), like=like) == [
        Hop(Transport.UDP, "192.0.2.7", 5060)
    ]
    assert await resolver.uri_hops(SipUri.parse("sips:a@192.0.2.7")) == [
        Hop(Transport.TLS, "192.0.2.7", 5061, tls_name="192.0.2.7")
    ]
    secure = Hop(Transport.TLS, "192.0.2.1", 5061, "sip.example", tls_verify=True)
    assert await resolver.uri_hops(SipUri.parse("sip:192.0.2.2;transport=tls;lr"), like=secure) == [
        Hop(Transport.TLS, "192.0.2.2", 5061, "sip.example")
    ]
