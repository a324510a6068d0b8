"""Sockets: one UDP socket, and TCP or TLS connections made as needed and taken when listened for (RFC 3261 §18).

Sending never blocks and never raises; what cannot be delivered is told once through `on_failure`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from hearthline.switch.embedded.sip.addresses import Via
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.framing import StreamFramer
from hearthline.switch.port import Transport

log = logging.getLogger(__name__)

CONNECT_SECONDS = 8.0
MAX_CONNECTIONS = 512
MAX_INBOUND_PER_HOST = 32
MAX_QUEUED_BYTES = 262_144
IDLE_SECONDS = 900.0  # a connection nobody uses is closed

Failure = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request goes: a numeric address, never a name."""

    transport: Transport
    host: str
    port: int
    tls_name: str = ""  # the name the certificate must carry
    tls_verify: bool = True

    @property
    def reliable(self) -> bool:
        return self.transport is not Transport.UDP


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message came from; answers go back the same way."""

    transport: Transport
    host: str
    port: int
    connection: Connection | None = field(default=None, compare=False)


Receiver = Callable[[bytes, Source], None]


class Connection(asyncio.Protocol):
    """One TCP or TLS connection, ours or a peer's."""

    def __init__(self, owner: Transports, kind: Transport) -> None:
        self._owner = owner
        self.kind = kind
        self._framer = StreamFramer()
        self._socket: asyncio.Transport | None = None
        self._waiting: list[tuple[bytes, Failure | None]] = []
        self._waiting_bytes = 0
        self.peer: tuple[str, int] = ("", 0)
        self.closed = False
        self.used_at = time.monotonic()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self._socket.set_write_buffer_limits(high=MAX_QUEUED_BYTES)
        name = transport.get_extra_info("peername") or ("", 0)
        self.peer = (str(name[0]), int(name[1]))
        self._owner.connected(self)
        for data, failure in self._waiting:
            self.send(data, failure)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self.used_at = time.monotonic()
        try:
            messages = self._framer.feed(data)
        except BadMessageError as error:
            log.info("sip: a stream is closed: %s", error)
            self.close()
            return
        if self._framer.pings and self._socket is not None:
            self._framer.pings = 0
            self._socket.write(b"\r\n")  # one pong is enough for any number of pings (RFC 5626 §4.4.1)
        source = Source(self.kind, *self.peer, connection=self)
        for message in messages:
            self._owner.deliver(message, source)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._owner.disconnected(self)
        self.fail_waiting("the connection was closed")

    # ours

    def send(self, data: bytes, on_failure: Failure | None = None) -> None:
        self.used_at = time.monotonic()
        if self.closed:
            _tell(on_failure, "the connection was closed")
        elif self._socket is None:
            if self._waiting_bytes + len(data) > MAX_QUEUED_BYTES:
                _tell(on_failure, "too much is waiting for the connection")
                return
            self._waiting_bytes += len(data)
            self._waiting.append((data, on_failure))
        elif self._socket.get_write_buffer_size() > MAX_QUEUED_BYTES:
            _tell(on_failure, "the peer does not read")
            self.close()
        else:
            self._socket.write(data)

    def fail_waiting(self, reason: str) -> None:
        self.closed = True
        waiting, self._waiting = self._waiting, []
        for _, failure in waiting:
            _tell(failure, reason)

    def close(self) -> None:
        self.closed = True
        if self._socket is not None:
            self._socket.abort()


def _tell(failure: Failure | None, reason: str) -> None:
    """Report from a fresh stack: whoever sends must not be re-entered from within its own call."""
    if failure is not None:
        asyncio.get_running_loop().call_soon(failure, reason)


def _widen(udp: asyncio.DatagramTransport) -> None:
    """Room for the packets of a moment at which the process does not get to run; the kernel gives what it may."""
    raw = udp.get_extra_info("socket")
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, option, 4 << 20)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, owner: Transports) -> None:
        self._owner = owner

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) > 4:  # shorter ones are keep-alives
            self._owner.deliver(data, Source(Transport.UDP, addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        log.debug("sip: udp error %s", exc)


class Transports:
    """Every socket of one user agent."""

    def __init__(self, *, bind: str, port: int, advertised: str, on_message: Receiver) -> None:
        self._bind = bind
        self.port = port
        self._advertised = advertised
        self._on_message = on_message
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._tls_server: asyncio.Server | None = None
        self.tls_port = 0
        self._outbound: dict[Hop, Connection] = {}
        self._connections: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._local: dict[str, str] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}  # by whether certificates are verified
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, *, listen_tcp: bool = True, tls: ssl.SSLContext | None = None, tls_port: int = 0) -> None:
        """Bind the sockets; with port 0 UDP and TCP share a free number. Raises OSError."""
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(self._bind, self.port))
            number = int(udp.get_extra_info("sockname")[1])
            try:
                if listen_tcp:
                    self._server = await loop.create_server(
                        lambda: Connection(self, Transport.TCP), self._bind, number, backlog=64
                    )
            except OSError:
                udp.close()
                if self.port or attempt == 19:
                    raise
                continue
            self._udp, self.port = udp, number
            _widen(udp)
            break
        if tls is not None:
            self._tls_server = await loop.create_server(
                lambda: Connection(self, Transport.TLS), self._bind, tls_port, ssl=tls, backlog=64
            )
            self.tls_port = int(self._tls_server.sockets[0].getsockname()[1])
        self._sweeper = loop.call_later(60, self._sweep)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for server in (self._server, self._tls_server):
            if server is not None:
                server.close()
        for task in list(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        if self._udp is not None:
            self._udp.close()
        await asyncio.sleep(0)  # let the transports' own close callbacks run

    # sending

    def send(self, data: bytes, hop: Hop, on_failure: Failure | None = None) -> None:
        """Send a request."""
        if hop.transport is Transport.UDP:
            self._send_datagram(data, hop.host, hop.port)
            return
        connection = self._outbound.get(hop)
        if connection is None or connection.closed:
            if len(self._connections) + len(self._connecting) >= MAX_CONNECTIONS:
                _tell(on_failure, "too many connections are open")
                return
            connection = Connection(self, hop.transport)
            self._outbound[hop] = connection
            task = asyncio.get_running_loop().create_task(self._connect(connection, hop))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        connection.send(data, on_failure)

    def answer(self, data: bytes, source: Source, via: Via) -> None:
        """Send a response the way its request came: by UDP to the port it came from if its Via asks for that (RFC 3581),
        else to the port its Via names, for there are gateways that send from one port and listen on another (§18.2.2)."""
        if source.transport is Transport.UDP:
            port = source.port if "rport" in via.params else via.port or 5060
            self._send_datagram(data, source.host, port)
        elif source.connection is not None and not source.connection.closed:
            source.connection.send(data)
        elif source.transport is Transport.TCP:
            self.send(data, Hop(Transport.TCP, source.host, via.port or 5060))

    def keep_alive(self, hop: Hop) -> None:
        """Hold a NAT binding or connection open (RFC 5626 §4.4)."""
        if hop.transport is Transport.UDP:
            self._send_datagram(b"\r\n\r\n", hop.host, hop.port)
        elif (connection := self._outbound.get(hop)) is not None and not connection.closed:
            connection.send(b"\r\n\r\n")

    def _send_datagram(self, data: bytes, host: str, port: int) -> None:
        if self._udp is None or self._udp.is_closing():
            return
        try:
            self._udp.sendto(data, (host, port))
        except (OSError, ValueError) as error:  # too long for a datagram, no route: the transaction's timer tells
            log.info("sip: a datagram could not be sent: %s", error)

    async def _connect(self, connection: Connection, hop: Hop) -> None:
        loop = asyncio.get_running_loop()
        context = self._client_context(hop.tls_verify) if hop.transport is Transport.TLS else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(
                    lambda: connection,
                    hop.host,
                    hop.port,
                    ssl=context,
                    server_hostname=(hop.tls_name or hop.host) if context else None,
                )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            if self._outbound.get(hop) is connection:
                del self._outbound[hop]
            reason = (
                "the provider's certificate is not trusted"
                if isinstance(error, ssl.SSLCertVerificationError)
                else ("the connection timed out" if isinstance(error, TimeoutError) else "the connection was refused")
            )
            connection.fail_waiting(reason)

    def _client_context(self, verify: bool) -> ssl.SSLContext:
        if verify not in self._contexts:
            self._contexts[verify] = client_tls(verify=verify)  # reads the machine's certificates: once
        return self._contexts[verify]

    def connected_to(self, hop: Hop) -> bool:
        """Whether a request to this hop would find an open way; always so by UDP."""
        connection = self._outbound.get(hop)
        return not hop.reliable or (connection is not None and not connection.closed)

    def hop_back(self, source: Source) -> Hop:
        """The hop that leads to whoever sent a message: over its own connection as long as that is open (RFC 5923)."""
        for hop, connection in self._outbound.items():
            if connection is source.connection:
                return hop
        return Hop(source.transport, source.host, source.port)

    # receiving

    def deliver(self, data: bytes, source: Source) -> None:
        self._on_message(data, source)

    def connected(self, connection: Connection) -> None:
        inbound = connection not in self._outbound.values()
        same_host = sum(1 for other in self._connections if other.peer[0] == connection.peer[0])
        if inbound and (len(self._connections) >= MAX_CONNECTIONS or same_host >= MAX_INBOUND_PER_HOST):
            connection.close()
            return
        self._connections.add(connection)
        if inbound:
            self._outbound[Hop(connection.kind, *connection.peer)] = connection

    def disconnected(self, connection: Connection) -> None:
        self._connections.discard(connection)
        for hop in [hop for hop, mine in self._outbound.items() if mine is connection]:
            del self._outbound[hop]

    def _sweep(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS
        for connection in [one for one in self._connections if one.used_at < oldest]:
            connection.close()
        self._sweeper = asyncio.get_running_loop().call_later(60, self._sweep)

    # addresses

    def local_host(self, remote: str) -> str:
        """The address by which `remote` (numeric) reaches us: for Via, Contact and SDP."""
        if self._advertised and not _is_loopback(remote):
            return self._advertised
        if self._bind not in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
            return self._bind
        known = self._local.get(remote)
        if known is None:
            known = route_source(remote)
            if len(self._local) > 1000:
                self._local.clear()
            self._local[remote] = known
        return known


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def route_source(remote: str) -> str:
    """Our own address on the route to `remote`, as the kernel would choose it; nothing is sent."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])


def client_tls(*, verify: bool) -> ssl.SSLContext:
    """TLS 1.2 or newer towards a provider; without `verify` any certificate is taken."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
