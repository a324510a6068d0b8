"""One leg's audio: the only thing the mixer knows of a leg, be it a browser or a telephone.

    network ── receive_rtp / receive_rtcp ──▶ AudioPath ── pull() ──▶ mixer
    network ◀── sink.send_rtp / send_rtcp ─── AudioPath ◀── send() ── mixer

Contract for whoever owns the transport (the browser leg's SRTP, the phone leg's UDP socket):

- Make one `AudioPath(sink, on_digit)` when the leg begins; it is silent until `set_format` (the SDP exchange) and may
  be given a new format at any time (a re-INVITE).
- Hand every datagram that is proved to come from the far end (unprotected, or from the latched address) to
  `receive_rtp` or `receive_rtcp`; malformed ones are ignored there. `arrival` is `time.monotonic()`.
- `sink` takes finished plain packets, once per tick, and must neither block nor raise; a socket that is full drops.
- `sending` / `receiving` are the transport's to set: False until the far end's address is known, and while SDP says
  sendonly, recvonly or inactive. Both directions keep counting time meanwhile.

The mixer calls `pull()` then `send()` exactly once per 20 ms tick.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU, Codec, make_codec
from hearthline.switch.embedded.jitter import JitterBuffer
from hearthline.switch.embedded.pcm import (
    FULL_SCALE,
    SILENCE,
    TICK_MS,
    alaw2lin,
    lin2alaw,
    lin2ulaw,
    rms,
    ulaw2lin,
)
from hearthline.switch.embedded.rtcp import RtcpState
from hearthline.switch.embedded.rtp import DigitReceiver, DigitSender, ReceiveStats, RtpSender, parse_rtp
from hearthline.switch.port import MediaStats

VOICE_RMS = 260  # -42 dBFS: speech is above, the noise of a line is below
_LEVEL_KEPT_S = 1.0  # a level older than this is no level


class PacketSink(Protocol):
    """Where finished packets go. Plain RTP and RTCP; a browser leg encrypts them. Must not block and not raise."""

    def send_rtp(self, packet: bytes) -> None: ...

    def send_rtcp(self, packet: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the SDP exchange agreed on, the same both ways."""

    codec: str  # "PCMU", "PCMA" or "opus"
    payload_type: int
    telephone_event: int | None = None  # payload type of RFC 4733 events; None: the far end takes none
    event_clock: int = 8000  # clock rate of those events; some browsers have only 8000, with Opus too


class AudioPath:
    """See the module. After `pull()`: `pcm` is this tick's frame or None, `level` its RMS, `encoded` its payload as it
    came when it can be passed on unchanged."""

    __slots__ = (
        "_codec",
        "_digits_in",
        "_digits_out",
        "_format",
        "_jitter",
        "_level",
        "_level_at",
        "_lost_before",
        "_on_digit",
        "_packets_in_before",
        "_received",
        "_recoder",
        "_rtcp",
        "_sender",
        "_silent_payload",
        "_sink",
        "_voice_in",
        "_voice_out",
        "_was_sending",
        "codec_name",
        "encoded",
        "heard_at",
        "level",
        "muted",
        "pcm",
        "receiving",
        "sending",
    )

    def __init__(self, sink: PacketSink, on_digit: Callable[[str], None]) -> None:
        self._sink = sink
        self._on_digit = on_digit
        self._format: AudioFormat | None = None
        self._codec: Codec = make_codec(PCMU)
        self.codec_name = self._codec.name  # of `encoded`
        self._recoder: Codec | None = None
        self._silent_payload = self._codec.encode(SILENCE)
        self._sender = RtpSender()
        self._rtcp = RtcpState()
        self._received = ReceiveStats(self._codec.clock_rate)
        self._packets_in_before = self._lost_before = 0
        self._jitter = JitterBuffer(self._codec.frame_units)
        self._digits_in = DigitReceiver()
        self._digits_out = DigitSender(self._codec.frame_units)
        self._voice_in = self._voice_out = 0  # frames above the threshold
        self._level, self._level_at = 0.0, -math.inf
        self._was_sending = False
        self.sending = False
        self.receiving = True
        self.muted = False  # what comes is thrown away; only the mixer's side of it changes
        self.heard_at: float | None = None  # monotonic time of the last packet that came
        self.pcm: bytes | None = None
        self.level = 0
        self.encoded: bytes | None = None

    # --- the transport's side -----------------------------------------------------------------------------------------

    @property
    def format(self) -> AudioFormat | None:
        return self._format

    @property
    def ssrc(self) -> int:
        """Our SSRC, for the SDP."""
        return self._sender.ssrc

    def set_format(self, agreed: AudioFormat) -> None:
        """Begin with, or change to, what SDP has agreed on. The same format again changes nothing."""
        if agreed == self._format:
            return
        if agreed.codec != self._codec.name:
            former, self._codec = self._codec, make_codec(agreed.codec)
            self.codec_name = agreed.codec
            self._silent_payload = self._codec.encode(SILENCE)
            self._jitter = JitterBuffer(self._codec.frame_units)
            if former.clock_rate != self._codec.clock_rate:
                self._packets_in_before += self._received.packets
                self._lost_before += self._received.lost
                self._received = ReceiveStats(self._codec.clock_rate)
        if self._format is None or agreed.event_clock != self._format.event_clock:
            self._digits_out = DigitSender(agreed.event_clock * TICK_MS // 1000)
        self._format = agreed

    def receive_rtp(self, data: bytes, arrival: float) -> bool:
        """Take one RTP packet. False when it was malformed or of a payload type that was not agreed on."""
        agreed = self._format
        packet = parse_rtp(data)
        if packet is None or agreed is None:
            return False
        self.heard_at = arrival
        payload_type = packet.payload_type
        if payload_type == agreed.telephone_event:
            self._received.update(packet.ssrc, packet.sequence, packet.timestamp, arrival)
            self._received.skip_jitter()
            digit = self._digits_in.receive(packet)
            if digit is not None:
                self._on_digit(digit)
            return True
        payload = packet.payload
        if payload_type != agreed.payload_type:
            converted = self._other_law(payload_type, payload)
            if converted is None:
                return False
            payload = converted
        if packet.ssrc != self._received.ssrc and self._received.packets:
            self._jitter.reset()
        self._received.update(packet.ssrc, packet.sequence, packet.timestamp, arrival)
        if self.receiving:
            self._store(packet.timestamp, payload, arrival)
        return True

    def _other_law(self, payload_type: int, payload: bytes) -> bytes | None:
        """A far end may send the other G.711 law than agreed by its static number (gateways do): convert it."""
        if payload_type == 8 and self._codec.name == PCMU:
            return lin2ulaw(alaw2lin(payload, 2), 2)
        if payload_type == 0 and self._codec.name == PCMA:
            return lin2alaw(ulaw2lin(payload, 2), 2)
        return None

    def _store(self, timestamp: int, payload: bytes, arrival: float) -> None:
        codec = self._codec
        units = codec.units(payload)
        if units == codec.frame_units:
            self._jitter.push(timestamp, payload, arrival)
        elif not units:
            return
        elif codec.name == OPUS:
            # Longer or shorter packets are rare: decoded here, cut to frames, encoded again for their slots.
            self._store_long_opus(timestamp, payload, arrival)
        else:
            self._jitter.push_part(timestamp, payload, arrival, 1, self._silent_payload[:1])

    def _store_long_opus(self, timestamp: int, payload: bytes, arrival: float) -> None:
        if self._recoder is None:
            self._recoder = make_codec(OPUS)  # not the leg's own: both directions of that one are in use
        samples = self._recoder.decode_long(payload)
        size = len(SILENCE)
        for at in range(0, len(samples) - size + 1, size):
            frame = self._recoder.encode(samples[at : at + size])
            self._jitter.push((timestamp + at // 2 * 6) & 0xFFFFFFFF, frame, arrival)

    def receive_rtcp(self, data: bytes, arrival: float) -> bool:
        """Take one compound RTCP packet; False when malformed."""
        return self._rtcp.receive(data, self._sender.ssrc, arrival)

    def send_report(self, now: float, *, bye: bool = False) -> None:
        """Send our RTCP report, with BYE when the leg ends. The mixer calls it every few seconds."""
        if self.sending and self._format is not None:
            self._sink.send_rtcp(self._rtcp.build(self._sender, self._received, now, bye=bye))

    # --- the mixer's side ---------------------------------------------------------------------------------------------

    @property
    def codec(self) -> str:
        """Name of the agreed codec; "" before SDP."""
        return self._codec.name if self._format is not None else ""

    def pull(self, now: float) -> None:
        """Take this tick's frame out of the jitter buffer into `pcm`, `level` and `encoded`."""
        jitter = self._jitter
        payload = jitter.pull(now)
        if self.muted:
            self.pcm = self.encoded = None
            self.level = 0
            return
        if payload is None:
            self.encoded = None
            pcm = None if jitter.waiting else self._codec.conceal(jitter.peek())
            self.pcm = pcm
            self.level = rms(pcm, 2) if pcm else 0
            return
        self.encoded = payload
        self.pcm = pcm = self._codec.decode(payload)
        self.level = level = rms(pcm, 2)
        if level > VOICE_RMS:
            self._voice_in += 1
        self._level += 0.2 * (level - self._level)
        self._level_at = now

    def send(self, pcm: bytes | None, level: int, encoded: bytes | None = None) -> None:
        """Send this tick's frame: `pcm` (None: silence) with its RMS; `encoded` is the same audio in this leg's codec,
        when the caller has it. Waiting digits go instead."""
        agreed = self._format
        sender = self._sender
        if self.sending and agreed is not None:
            if level > VOICE_RMS:
                self._voice_out += 1
            packets = None
            if self._digits_out.busy and agreed.telephone_event is not None:
                packets = self._digits_out.frame(sender, agreed.telephone_event)
            if packets is not None:
                for packet in packets:
                    self._sink.send_rtp(packet)
            else:
                if encoded is None:
                    encoded = self._silent_payload if pcm is None else self._codec.encode(pcm)
                # The first packet after a pause carries the marker (RFC 3551 §4.1).
                self._sink.send_rtp(sender.packet(agreed.payload_type, encoded, marker=not self._was_sending))
            self._was_sending = True
        else:
            self._was_sending = False
        sender.timestamp = (sender.timestamp + self._codec.frame_units) & 0xFFFFFFFF

    def skip(self, ticks: int) -> None:
        """Time has passed without ticks (the process was stopped): keep timestamps in step with it."""
        self._sender.advance(ticks * self._codec.frame_units)

    def send_digits(self, digits: str) -> bool:
        """Queue digits. False when the far end takes none (no telephone-event agreed) or too many are waiting."""
        if self._format is None or self._format.telephone_event is None:
            return False
        return self._digits_out.queue(digits)

    def adapt(self) -> None:
        """Let the jitter buffer's delay follow the measured jitter; the mixer calls it about once a second."""
        self._jitter.target = 1 + min(8, int(2 * self._received.jitter_ms / TICK_MS))

    def stats(self, now: float) -> MediaStats:
        received = self._received
        recent = now - self._level_at < _LEVEL_KEPT_S
        return MediaStats(
            packets_in=self._packets_in_before + received.packets,
            packets_out=self._sender.packets,
            lost_in=self._lost_before + received.lost,
            jitter_ms=round(received.jitter_ms, 1),
            round_trip_ms=self._rtcp.round_trip_ms,
            far_loss_percent=self._rtcp.far_loss_percent,
            voice_in_ms=self._voice_in * TICK_MS,
            voice_out_ms=self._voice_out * TICK_MS,
            codec=self.codec,
            level_dbfs=round(20 * math.log10(max(self._level, 1) / FULL_SCALE), 1) if recent else None,
        )
