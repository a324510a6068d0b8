"""RTCP sender and receiver reports (RFC 3550 §6): read what the far end says, say what we see."""

from __future__ import annotations

import struct
import time
from typing import NamedTuple

from hearthline.switch.embedded.rtp import MAX_DATAGRAM, ReceiveStats, RtpSender

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_NTP_EPOCH = 2208988800  # seconds from 1900 to 1970
_SENDER_INFO = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IB3sIIII")
_CNAME = b"hearthline"  # one name for all legs: nothing about the machine (RFC 7022 asks for no identity)


class ReportBlock(NamedTuple):
    """What one receiver says of one of our streams (§6.4.1)."""

    ssrc: int
    fraction_lost: float  # 0.0 to 1.0 since its last report
    cumulative_lost: int
    jitter: int  # units of the RTP clock
    last_sr: int  # middle 32 bits of the NTP time of our last report that it saw; 0: none
    delay_since_sr: int  # 1/65536 s


class RtcpReport(NamedTuple):
    """A compound packet, as far as audio needs it."""

    sender_ssrc: int
    ntp_middle: int | None  # of the sender report, when there was one
    blocks: tuple[ReportBlock, ...]
    bye: bool


def parse_rtcp(data: bytes) -> RtcpReport | None:
    """Read a compound RTCP packet (§6.1). None for anything malformed; unknown packet types are passed over."""
    size = len(data)
    if size < 8 or size > MAX_DATAGRAM:
        return None
    ssrc = int.from_bytes(data[4:8], "big")
    ntp_middle: int | None = None
    blocks: list[ReportBlock] = []
    bye = False
    at = 0
    while at + 4 <= size:
        if data[at] >> 6 != 2:
            return None
        count, kind = data[at] & 31, data[at + 1]
        end = at + 4 + 4 * ((data[at + 2] << 8) | data[at + 3])
        if end > size:
            return None
        if kind in (_SR, _RR):
            first = at + 8 + (20 if kind == _SR else 0)
            if first + 24 * count > end:
                return None
            if kind == _SR:
                ntp_middle = int.from_bytes(data[at + 10 : at + 14], "big")
            blocks.extend(_block(data, first + 24 * i) for i in range(count))
        elif kind == _BYE:
            bye = True
        at = end
    return RtcpReport(ssrc, ntp_middle, tuple(blocks), bye)


def _block(data: bytes, at: int) -> ReportBlock:
    ssrc, fraction, lost, _highest, jitter, last_sr, delay = _BLOCK.unpack_from(data, at)
    return ReportBlock(ssrc, fraction / 256, int.from_bytes(lost, "big", signed=True), jitter, last_sr, delay)


def _ntp_now() -> int:
    now = time.time() + _NTP_EPOCH
    whole = int(now)
    return (whole << 32) | int((now - whole) * (1 << 32))


class RtcpState:
    """The RTCP of one leg: builds our reports and remembers what the far end's said."""

    __slots__ = ("_last_sr", "_last_sr_at", "far_loss_percent", "round_trip_ms")

    def __init__(self) -> None:
        self._last_sr = 0
        self._last_sr_at = 0.0
        self.round_trip_ms: float | None = None
        self.far_loss_percent: float | None = None

    def receive(self, data: bytes, our_ssrc: int, arrival: float) -> bool:
        """Take a compound packet (decrypted); `arrival` in seconds of the monotonic clock. False if malformed."""
        report = parse_rtcp(data)
        if report is None:
            return False
        if report.ntp_middle is not None:
            self._last_sr, self._last_sr_at = report.ntp_middle, arrival
        for block in report.blocks:
            if block.ssrc != our_ssrc:
                continue
            self.far_loss_percent = 100 * block.fraction_lost
            if block.last_sr:
                # §6.4.1: A - LSR - DLSR, in 1/65536 s.
                trip = (((_ntp_now() >> 16) & 0xFFFFFFFF) - block.last_sr - block.delay_since_sr) & 0xFFFFFFFF
                if trip < 10 * 65536:  # more than ten seconds is a clock that jumped or a lie
                    self.round_trip_ms = trip * 1000 / 65536
        return True

    def build(self, sender: RtpSender, received: ReceiveStats, now: float, *, bye: bool = False) -> bytes:
        """Our compound packet: sender report with one block (when anything came), SDES with CNAME, BYE if asked."""
        blocks = b""
        if received.packets:
            delay = int((now - self._last_sr_at) * 65536) & 0xFFFFFFFF if self._last_sr else 0
            lost = min(received.lost, 0x7FFFFF).to_bytes(3, "big")
            blocks = _BLOCK.pack(
                received.ssrc,
                received.fraction_lost(),
                lost,
                received.highest,
                received.jitter_units & 0xFFFFFFFF,
                self._last_sr,
                delay,
            )
        head = struct.pack("!BBHI", 0x80 | (1 if blocks else 0), _SR, 6 + len(blocks) // 4, sender.ssrc)
        info = _SENDER_INFO.pack(_ntp_now(), sender.timestamp, sender.packets & 0xFFFFFFFF, sender.octets & 0xFFFFFFFF)
        return head + info + blocks + _sdes(sender.ssrc) + (_bye(sender.ssrc) if bye else b"")


def _sdes(ssrc: int) -> bytes:
    item = struct.pack("!IBB", ssrc, 1, len(_CNAME)) + _CNAME
    item += bytes(4 - len(item) % 4)  # at least one zero ends the list (§6.5)
    return struct.pack("!BBH", 0x81, _SDES, len(item) // 4) + item


def _bye(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x81, _BYE, 1, ssrc)
