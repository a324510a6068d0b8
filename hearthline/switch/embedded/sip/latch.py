"""Which datagrams of a call's RTP port are the far end's (symmetric RTP, RFC 4961), without letting anybody in.

Behind NAT the far end's RTP comes from another port, or from the address its signalling comes from, rather than from
where its SDP says. Following the first packet from anywhere is how calls get hijacked ("RTP bleed"). So: only the
signalled host and the host of the SIP peer count; any address but the exact signalled one must first prove itself by a
run of consecutive packets; and once an address has been chosen, another must wait until it has fallen silent.
"""

from __future__ import annotations

from hearthline.switch.embedded.rtp import parse_rtp

PROBATION = 5  # consecutive packets of one source (RFC 3550 A.1 asks for two)
SILENCE_SECONDS = 1.0

Address = tuple[str, int]


class Latch:
    """Feed it each datagram's source; `target` is where our own packets go."""

    __slots__ = ("_candidate", "_heard_at", "_latched", "_peer_host", "_run", "_signalled", "refused")

    def __init__(self) -> None:
        self._signalled: Address | None = None
        self._peer_host = ""
        self._latched: Address | None = None
        self._heard_at = 0.0
        self._candidate: tuple[Address, int] | None = None  # (address, SSRC)
        self._run: tuple[int, int] = (0, 0)  # (packets in a row, the last sequence number)
        self.refused = 0  # datagrams that were not let in

    def signal(self, address: Address, peer_host: str) -> None:
        """New SDP: the far end listens at `address`; its signalling comes from `peer_host`."""
        if address != self._signalled:
            self._signalled = address
            self._latched = None
            self._candidate = None
        self._peer_host = peer_host

    @property
    def target(self) -> Address | None:
        return self._latched or self._signalled

    def admits(self, source: Address, data: bytes, now: float) -> bool:
        """Whether an RTP datagram is the far end's. `now` in monotonic seconds."""
        if source == self._latched:
            self._heard_at = now
            return True
        if self._signalled is None or source[0] not in (self._signalled[0], self._peer_host):
            self.refused += 1
            return False
        free = self._latched is None or now - self._heard_at >= SILENCE_SECONDS
        if free and (source == self._signalled or self._proven(source, data)):
            self._latched, self._heard_at, self._candidate = source, now, None
            return True
        self.refused += 1
        return False

    def admits_rtcp(self, source: Address) -> bool:
        """Multiplexed RTCP (RFC 5761) never moves the latch."""
        return source in (self._latched, self._signalled)

    def _proven(self, source: Address, data: bytes) -> bool:
        packet = parse_rtp(data)
        if packet is None:
            return False
        count, last = self._run
        follows = self._candidate == (source, packet.ssrc) and packet.sequence == (last + 1) & 0xFFFF
        self._candidate = (source, packet.ssrc)
        self._run = (count + 1 if follows else 1, packet.sequence)
        return self._run[0] >= PROBATION
