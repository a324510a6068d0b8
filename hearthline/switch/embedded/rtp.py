"""RTP packets, what is counted of them, and telephone events (RFC 3550 §5, §6.4.1, appendix A; RFC 4733).

Everything here works on bytes that a stranger may have sent: parsing returns None for what it cannot read and never
raises. RTCP is in `rtcp.py`.
"""

from __future__ import annotations

import secrets
import struct
from collections import deque
from typing import NamedTuple

MAX_DATAGRAM = 1500  # bytes; longer ones are nothing that audio needs
MAX_DIGITS = 32  # digits waiting to be sent on one leg (the port's bound)

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")

SEQ_MODULUS = 1 << 16
_MAX_DROPOUT = 3000  # RFC 3550 A.1: a jump further ahead than this is a restart or a stray
_MAX_MISORDER = 100


class RtpPacket(NamedTuple):
    """One RTP packet without its padding, contributing sources and header extension."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a multiplexed port is RTCP rather than RTP (RFC 5761 §4: packet types 192 to 223)."""
    return len(data) > 1 and 192 <= data[1] <= 223


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read one RTP packet (RFC 3550 §5.1). None for anything malformed."""
    size = len(data)
    if size < 12 or size > MAX_DATAGRAM:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == 0x80:  # version 2 and nothing else: nearly every packet
        return RtpPacket(second & 0x7F, second > 127, sequence, timestamp, ssrc, data[12:])
    if first >> 6 != 2:
        return None
    start = 12 + 4 * (first & 0x0F)
    if first & 0x10:  # header extension (§5.3.1)
        if size < start + 4:
            return None
        start += 4 + 4 * ((data[start + 2] << 8) | data[start + 3])
    end = size
    if first & 0x20:  # padding
        if not 1 <= data[-1] <= size:
            return None
        end = size - data[-1]
    if start > end:
        return None
    return RtpPacket(second & 0x7F, second > 127, sequence, timestamp, ssrc, data[start:end])


class RtpSender:
    """What we send on one leg: our SSRC, sequence numbers, timestamps and counts (RFC 3550 §5.1, §6.4.1).

    `timestamp` is that of the current frame, in units of the RTP clock; the mixer moves it on by one frame at every
    tick, whether a packet went out or not, so that it keeps step with time.
    """

    __slots__ = ("octets", "packets", "sequence", "ssrc", "timestamp")

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(15)  # the lower half: SRTP's rollover counter starts in step (RFC 3711 §3.3.1)
        self.timestamp = secrets.randbits(31)
        self.packets = 0
        self.octets = 0

    def packet(self, payload_type: int, payload: bytes, *, marker: bool = False, timestamp: int | None = None) -> bytes:
        """The next packet; `timestamp` only for telephone events, which keep that of their beginning."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return (
            _HEADER.pack(
                0x80,
                payload_type | 0x80 if marker else payload_type,
                self.sequence,
                self.timestamp if timestamp is None else timestamp,
                self.ssrc,
            )
            + payload
        )

    def advance(self, units: int) -> None:
        self.timestamp = (self.timestamp + units) & 0xFFFFFFFF


class ReceiveStats:
    """Loss and jitter of what we receive (RFC 3550 A.1, A.3, A.8), over every SSRC the far end has used."""

    __slots__ = (
        "_bad_sequence",
        "_base",
        "_clock_rate",
        "_cycles",
        "_earlier_expected",
        "_expected_prior",
        "_jitter",
        "_max",
        "_received_here",
        "_received_prior",
        "_started",
        "_transit",
        "packets",
        "ssrc",
    )

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self.ssrc = 0
        self.packets = 0  # all that came
        self._earlier_expected = 0  # what former SSRCs and former runs of sequence numbers should have brought
        self._jitter = 0.0
        self._started = False
        self._begin(0)

    def _begin(self, sequence: int) -> None:
        self._base = self._max = sequence
        self._cycles = 0
        self._bad_sequence = -1
        self._received_here = 0
        self._expected_prior = self._received_prior = 0
        self._transit: float | None = None

    def _begin_again(self, sequence: int) -> None:
        self._earlier_expected += max(self._expected_here(), self._received_here)
        self._begin(sequence)

    def update(self, ssrc: int, sequence: int, timestamp: int, arrival: float) -> None:
        """Count one packet; `arrival` in seconds of a monotonic clock."""
        self.packets += 1
        if not self._started:
            self._started = True
            self.ssrc = ssrc
            self._begin(sequence)
        elif ssrc != self.ssrc:
            self.ssrc = ssrc
            self._begin_again(sequence)
        else:
            ahead = (sequence - self._max) & 0xFFFF
            if ahead < _MAX_DROPOUT:
                if sequence < self._max:
                    self._cycles += SEQ_MODULUS
                self._max = sequence
            elif ahead <= SEQ_MODULUS - _MAX_MISORDER:
                # A large jump: a restart when the next packet follows it, else one stray (A.1).
                if sequence != self._bad_sequence:
                    self._bad_sequence = (sequence + 1) & 0xFFFF
                    self._earlier_expected += 1
                    return
                self._begin_again(sequence)
        self._received_here += 1
        transit = arrival * self._clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < self._clock_rate:  # a timestamp that jumps (a wrap, a new source) is no jitter
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    def skip_jitter(self) -> None:
        """The next packet's timestamp says nothing about its travel (a telephone event has been)."""
        self._transit = None

    def _expected_here(self) -> int:
        return self._cycles + self._max - self._base + 1 if self._started else 0

    @property
    def lost(self) -> int:
        """Packets that never came; never negative (duplicates count as arrivals, §6.4.1)."""
        return max(0, self._earlier_expected + self._expected_here() - self.packets)

    @property
    def jitter_units(self) -> int:
        return int(self._jitter)

    @property
    def jitter_ms(self) -> float:
        return 1000.0 * self._jitter / self._clock_rate

    @property
    def highest(self) -> int:
        """Extended highest sequence number received (32 bits)."""
        return (self._cycles + self._max) & 0xFFFFFFFF

    def fraction_lost(self) -> int:
        """Loss since the last call, as 1/256ths (A.3). To be called once for each report block sent."""
        expected, received = self._expected_here(), self._received_here
        due = expected - self._expected_prior
        lost = due - (received - self._received_prior)
        self._expected_prior, self._received_prior = expected, received
        if due <= 0 or lost <= 0:
            return 0
        return min(255, (lost << 8) // due)


# --- telephone events (RFC 4733 §2.3) -------------------------------------------------------------------------------

EVENTS = "0123456789*#ABCD"  # a digit's place is its event code (§3.2, table 3)
_CODES = {digit: code for code, digit in enumerate(EVENTS)}
_VOLUME = 10  # -10 dBm0
_TONE_FRAMES = 5  # 100 ms of tone
_END_PACKETS = 3  # the last packet is sent three times (§2.5.1.4)
_GAP_FRAMES = 4  # 80 ms between two digits


def digits_refused(digits: str) -> str | None:
    """Why these digits cannot be sent, in a sentence; None when they can."""
    if not digits:
        return "There are no digits to send."
    if len(digits) > MAX_DIGITS:
        return f"At most {MAX_DIGITS} digits can be sent at once."
    if any(digit not in _CODES for digit in digits.upper()):
        return "Only 0-9, *, # and A-D can be sent as digits."
    return None


class DigitReceiver:
    """Turns telephone-event packets into digits: one per event, at its first packet, whichever of them arrives."""

    __slots__ = ("_last_timestamp",)

    def __init__(self) -> None:
        self._last_timestamp: int | None = None

    def receive(self, packet: RtpPacket) -> str | None:
        """The digit that begins with this packet, or None (a continuation, an end, flash and other events, rubbish)."""
        if len(packet.payload) < 4:
            return None
        code = packet.payload[0]
        if code >= len(EVENTS):
            return None
        last = self._last_timestamp
        if last is not None and ((packet.timestamp - last - 1) & 0xFFFFFFFF) >= 0x7FFFFFFF:
            return None  # the same event, or one before it that came late
        self._last_timestamp = packet.timestamp
        return EVENTS[code]


class DigitSender:
    """Digits on their way out, one RTP event packet per 20 ms frame."""

    __slots__ = ("_frame", "_frame_units", "_queue", "_timestamp")

    def __init__(self, frame_units: int) -> None:
        """`frame_units`: units of the RTP clock in 20 ms."""
        self._frame_units = frame_units
        self._queue: deque[str] = deque()
        self._frame = 0
        self._timestamp = 0

    def queue(self, digits: str) -> bool:
        """Take digits that `digits_refused` let pass. False when too many are waiting already."""
        if len(self._queue) + len(digits) > MAX_DIGITS:
            return False
        self._queue.extend(digits.upper())
        return True

    @property
    def busy(self) -> bool:
        return bool(self._queue)

    def frame(self, sender: RtpSender, payload_type: int) -> list[bytes] | None:
        """This tick's packets in place of audio; None when audio may go (nothing waits, or the gap between digits)."""
        if not self._queue:
            return None
        frame, self._frame = self._frame, self._frame + 1
        if frame >= _TONE_FRAMES:
            if frame == _TONE_FRAMES + _GAP_FRAMES:
                self._frame = 0
                self._queue.popleft()
            return None
        if frame == 0:
            self._timestamp = sender.timestamp
        code = _CODES[self._queue[0]]
        duration = min(0xFFFF, (frame + 1) * self._frame_units)
        if frame < _TONE_FRAMES - 1:
            payload = _EVENT.pack(code, _VOLUME, duration)
            return [sender.packet(payload_type, payload, marker=frame == 0, timestamp=self._timestamp)]
        payload = _EVENT.pack(code, 0x80 | _VOLUME, duration)
        return [sender.packet(payload_type, payload, timestamp=self._timestamp) for _ in range(_END_PACKETS)]
