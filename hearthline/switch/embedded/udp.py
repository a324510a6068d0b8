"""A UDP socket on the event loop that reads in bursts and never raises when it sends.

asyncio's own datagram transport wakes the loop once for every packet; with hundreds of legs on one socket that is
the larger part of the work. Here one wake-up takes all that has come, up to a bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

Address = tuple[str, int]
_BURST = 64  # datagrams read before other work gets its turn
_MAX_DATAGRAM = 2048
_LOG_EVERY_S = 10.0
_BUFFER_BYTES = 4 << 20  # of the kernel, both ways; it gives what it may


class UdpSocket:
    """One bound, non-blocking socket. `on_datagram(data, address, socket)` is called for each datagram."""

    def __init__(self, host: str, port: int, on_datagram: Callable[[bytes, Address, UdpSocket], None]) -> None:
        """Bind to a literal IPv4 or IPv6 address; OSError when that cannot be. Port 0: the system chooses."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        self.host = host
        self.port: int = sock.getsockname()[1]
        self._on_datagram = on_datagram
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quiet_until = 0.0

    def start(self) -> None:
        """Begin to read, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        receive, deliver = self._socket.recvfrom, self._on_datagram
        for _ in range(_BURST):
            try:
                data, address = receive(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error of an earlier send (ECONNREFUSED); there may be datagrams behind it
            try:
                deliver(data, address[:2], self)
            except Exception:  # noqa: BLE001 - a stranger sent it: whatever it does, the next one is read
                self._trouble()

    def _trouble(self) -> None:
        """Log the exception being handled, at most one in ten seconds."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_EVERY_S
            log.exception("udp: a datagram could not be handled")

    def send(self, data: bytes, address: Address) -> None:
        """Send, or drop: a full buffer, no route and a vanished far end are all losses, which RTP is made for."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, address)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        self._socket.close()
