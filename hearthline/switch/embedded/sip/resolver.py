"""From a trunk or URI to addresses (RFC 3263, without NAPTR): numeric as is, names through the event loop's resolver."""

from __future__ import annotations

import asyncio
import socket
import time

from hearthline.switch.embedded.sip.addresses import SipUri
from hearthline.switch.embedded.sip.sdp import is_numeric
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import Transport, Trunk

LOOKUP_SECONDS = 5.0
KEEP_SECONDS = 60.0
MAX_KEPT = 500


class UnknownHostError(Exception):
    """A host name that leads nowhere."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The host name {host} could not be resolved; check its spelling and this machine's DNS.")


class Resolver:
    """Looks names up, remembering answers for a minute; a failed look-up falls back to an older answer."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, list[str]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """Numeric addresses, IPv4 first. Raises UnknownHostError."""
        host = host.strip("[]")
        if is_numeric(host):
            return [host]
        kept = self._kept.get(host)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except (OSError, TimeoutError, UnicodeError):
            if kept is not None:
                return kept[1]
            raise UnknownHostError(host) from None
        ordered = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in ordered))
        if not addresses:
            raise UnknownHostError(host)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[host] = (time.monotonic() + KEEP_SECONDS, addresses)
        return addresses

    async def trunk_hops(self, trunk: Trunk) -> list[Hop]:
        """Where a trunk's requests go, in the order to try. Raises UnknownHostError."""
        port = trunk.port or default_port(trunk.transport)
        return [
            Hop(trunk.transport, address, port, tls_name=_tls_name(trunk), tls_verify=trunk.tls_verify)
            for address in await self.addresses(trunk.host)
        ]

    async def uri_hops(self, uri: SipUri, *, like: Hop | None = None) -> list[Hop]:
        """Where a SIP URI leads. `like` gives the transport when the URI leaves it open. Raises UnknownHostError."""
        if uri.transport:
            transport = Transport(uri.transport)
        else:
            transport = like.transport if like is not None else Transport.UDP
        port = uri.port or default_port(transport)
        same = like is not None and like.transport is transport
        return [
            like
            if like is not None and same and (like.host, like.port) == (address, port)
            else Hop(
                transport,
                address,
                port,
                tls_name=uri.host if transport is Transport.TLS else "",
                tls_verify=like.tls_verify if like is not None and same else True,
            )
            for address in await self.addresses(uri.host)
        ]


def _tls_name(trunk: Trunk) -> str:
    return trunk.host if trunk.transport is Transport.TLS else ""


def default_port(transport: Transport) -> int:
    """RFC 3261 §19.1.2."""
    return 5061 if transport is Transport.TLS else 5060
