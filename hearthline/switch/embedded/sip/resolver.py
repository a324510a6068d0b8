"""From a trunk or URI to addresses (RFC 3263, without NAPTR): numeric as is, names through the event loop's resolver."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import dataclass

from hearthline.switch.embedded.sip.addresses import SipUri
from hearthline.switch.embedded.sip.sdp import is_numeric
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import Transport, Trunk

log = logging.getLogger(__name__)

LOOKUP_SECONDS = 5.0
FRESH_SECONDS = 60.0  # after that an answer is still used, and looked up again behind the caller's back
KEEP_SECONDS = 3600.0
MAX_KEPT = 500


class UnknownHostError(Exception):
    """A host name that leads nowhere."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The host name {host} could not be resolved; check its spelling and this machine's DNS.")


class WrongFamilyError(UnknownHostError):
    """An address that our socket cannot reach."""

    def __init__(self, host: str, *, ipv6: bool) -> None:
        Exception.__init__(
            self,
            f"{host} has no {'IPv6' if ipv6 else 'IPv4'} address, and the SIP port is bound to "
            f"{'IPv6' if ipv6 else 'IPv4'} only; change its bind address.",
        )


@dataclass(slots=True)
class _Answer:
    addresses: list[str]
    found_at: float  # monotonic


class Resolver:
    """Looks names up and remembers the answers, so that a call does not wait for DNS."""

    def __init__(self, *, ipv6: bool = False) -> None:
        """`ipv6`: the family of our sockets."""
        self._ipv6 = ipv6
        self._kept: dict[str, _Answer] = {}
        self._refreshing: dict[str, asyncio.Task[list[str]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """Numeric addresses of our family, at least one. Raises UnknownHostError."""
        host = host.strip("[]")
        if is_numeric(host):
            if (":" in host) is not self._ipv6:
                raise WrongFamilyError(host, ipv6=self._ipv6)
            return [host]
        kept = self._kept.get(host)
        age = time.monotonic() - kept.found_at if kept is not None else KEEP_SECONDS
        if kept is None or age >= KEEP_SECONDS:
            return await self._look_up(host)
        if age >= FRESH_SECONDS and host not in self._refreshing:
            task = asyncio.get_running_loop().create_task(self._look_up(host))
            self._refreshing[host] = task
            task.add_done_callback(lambda done: self._refreshed(host, done))
        return kept.addresses

    def _refreshed(self, host: str, task: asyncio.Task[list[str]]) -> None:
        self._refreshing.pop(host, None)
        if not task.cancelled() and task.exception() is not None:
            log.info("sip: a host name that was known cannot be resolved now; its last address stays in use")

    async def close(self) -> None:
        tasks = list(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, host: str) -> list[str]:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except (OSError, TimeoutError, UnicodeError):
            raise UnknownHostError(host) from None
        family = socket.AF_INET6 if self._ipv6 else socket.AF_INET
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found if entry[0] == family))
        if not addresses:
            raise WrongFamilyError(host, ipv6=self._ipv6)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[host] = _Answer(addresses, time.monotonic())
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
        name = uri.host if transport is Transport.TLS else ""
        if like is not None and same and name and is_numeric(uri.host):
            name = like.tls_name  # another machine of the same provider shows the provider's certificate
        return [
            like
            if like is not None and same and (like.host, like.port) == (address, port)
            else Hop(
                transport,
                address,
                port,
                tls_name=name,
                tls_verify=like.tls_verify if like is not None and same else True,
            )
            for address in await self.addresses(uri.host)
        ]


def _tls_name(trunk: Trunk) -> str:
    return trunk.host if trunk.transport is Transport.TLS else ""


def default_port(transport: Transport) -> int:
    """RFC 3261 §19.1.2."""
    return 5061 if transport is Transport.TLS else 5060
