"""A call's RTP port: one UDP socket from a configured range, what SDP settled about it, and the leg's audio path on it."""

from __future__ import annotations

import time
from collections.abc import Callable

from hearthline.switch.embedded.audio import AudioFormat, AudioPath
from hearthline.switch.embedded.rtp import MAX_DATAGRAM, is_rtcp
from hearthline.switch.embedded.sip.latch import Latch
from hearthline.switch.embedded.sip.sdp import Agreed, LocalDescription
from hearthline.switch.embedded.udp import Address, UdpSocket


class NoPortLeftError(Exception):
    """Every RTP port of the range is in use."""

    def __init__(self) -> None:
        super().__init__("Every RTP port of the configured range is in use; widen the range.")


class RtpPorts:
    """The even ports of a range (RFC 3550 §11), handed out in turn so that a port just left is not reused at once."""

    def __init__(self, bind: str, low: int, high: int) -> None:
        """`low` and `high` inclusive; (0, 0) lets the kernel choose."""
        self._bind = bind
        self._ports = [port for port in range(low, high + 1) if port % 2 == 0 and port] if high else [0]
        self._next = 0

    def open(self, advertised: str) -> RtpPort:
        """Bind the next free port. Raises NoPortLeftError."""
        for _ in self._ports:
            number = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            try:
                return RtpPort(self._bind, number, advertised)
            except OSError:
                continue
        raise NoPortLeftError


class RtpPort:
    """One call's RTP socket: the audio path's way out, and its guarded way in."""

    def __init__(self, bind: str, number: int, advertised: str) -> None:
        """Raises OSError when the port is taken."""
        self._socket = UdpSocket(bind, number, self._received)
        self._latch = Latch()
        self.local = LocalDescription(advertised, self._socket.port)
        self.agreed: Agreed | None = None
        self.on_digit: Callable[[str], None] | None = None
        self.audio = AudioPath(self, self._digit)
        self._closed = False
        self._socket.start()

    def agree(self, agreed: Agreed, peer_host: str) -> None:
        """Take what offer and answer settled; `agreed.host` is numeric. `peer_host` is where the signalling comes from."""
        if agreed.host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared: the hold of RFC 2543 names no address
            self._latch.signal((agreed.host, agreed.port), peer_host)
        self.agreed = agreed
        self.audio.set_format(AudioFormat(agreed.codec, agreed.payload_type, agreed.event_payload_type))
        self.audio.sending = agreed.direction.sends and self._latch.target is not None
        self.audio.receiving = agreed.direction.receives

    @property
    def refused(self) -> int:
        """Datagrams from strangers so far."""
        return self._latch.refused

    def _received(self, data: bytes, source: Address, socket: UdpSocket) -> None:
        if not 8 <= len(data) <= MAX_DATAGRAM or data[0] >> 6 != 2:
            return
        now = time.monotonic()
        if is_rtcp(data):
            if self._latch.admits_rtcp(source):
                self.audio.receive_rtcp(data, now)
        elif self._latch.admits(source, data, now):
            self.audio.receive_rtp(data, now)

    def _digit(self, digit: str) -> None:
        if self.on_digit is not None:
            self.on_digit(digit)

    # PacketSink

    def send_rtp(self, packet: bytes) -> None:
        target = self._latch.target
        if target is not None and not self._closed:
            self._socket.send(packet, target)

    def send_rtcp(self, packet: bytes) -> None:
        if self.agreed is not None and self.agreed.rtcp_mux:
            self.send_rtp(packet)

    def close(self) -> None:
        """Give the port back; the audio path is silent from here on."""
        if not self._closed:
            self._closed = True
            self.audio.sending = False
            self._socket.close()
