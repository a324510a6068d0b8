"""RTP, RTCP, telephone events and the jitter buffer, by the examples of their standards and by arbitrary input."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthline.switch.embedded.audio import AudioFormat, AudioPath
from hearthline.switch.embedded.codecs import G711, OPUS, PCMA, PCMU, Opus
from hearthline.switch.embedded.jitter import MAX_SLOTS, JitterBuffer
from hearthline.switch.embedded.pcm import FRAME_BYTES, TICK_S, rms
from hearthline.switch.embedded.rtcp import RtcpState, parse_rtcp
from hearthline.switch.embedded.rtp import ReceiveStats, RtpSender, is_rtcp, parse_rtp
from tests.switch.ears import assert_hears, tone

PATIENT = settings(deadline=None, max_examples=60)  # the machine may be busy


class Sink:
    """Keeps the packets of an audio path."""

    def __init__(self) -> None:
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []

    def send_rtp(self, packet: bytes) -> None:
        self.rtp.append(packet)

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp.append(packet)

    def take(self) -> list[bytes]:
        taken, self.rtp = self.rtp, []
        return taken


def a_path(codec: str = PCMU, payload_type: int = 0) -> tuple[AudioPath, Sink, list[str]]:
    sink, digits = Sink(), list[str]()
    path = AudioPath(sink, digits.append)
    path.set_format(AudioFormat(codec, payload_type, 101))
    path.sending = True
    return path, sink, digits


# --- parsing --------------------------------------------------------------------------------------------------------


def test_a_packet_with_everything_in_it() -> None:
    header = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 0x80 | 8, 7, 1600, 0xABCD)
    sources, extension = bytes(8), struct.pack("!HH", 0xBEDE, 1) + bytes(4)
    packet = parse_rtp(header + sources + extension + b"audio" + b"\0\0\3")
    assert packet == (8, True, 7, 1600, 0xABCD, b"audio")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        bytes(40),  # version 0
        struct.pack("!BBHII", 0x80 | 0x10, 0, 1, 1, 1),  # an extension that is not there
        struct.pack("!BBHII", 0x80 | 0x20, 0, 1, 1, 1) + b"\xff",  # more padding than packet
        struct.pack("!BBHII", 0x80 | 0x20, 0, 1, 1, 1) + b"\0",  # no padding where padding is said to be
        struct.pack("!BBHII", 0x8F, 0, 1, 1, 1) + bytes(8),  # sources that are not there
        b"\x80" + bytes(1500),
    ],
)
def test_malformed_packets_are_nothing(data: bytes) -> None:
    assert parse_rtp(data) is None


@PATIENT
@given(st.binary(max_size=200))
def test_parsers_never_raise(data: bytes) -> None:
    for first in (b"", b"\x80", b"\x90", b"\xa0", b"\x81\xc8", b"\x81\xc9\x00\x07"):
        packet = parse_rtp(first + data)
        assert packet is None or len(packet.payload) <= len(data)
        report = parse_rtcp(first + data)
        assert report is None or len(report.blocks) <= 31 * 60
        is_rtcp(first + data)


@PATIENT
@given(st.binary(max_size=400), st.sampled_from([PCMU, PCMA, OPUS]), st.integers(0, 127), st.integers(0, 2**32 - 1))
def test_a_path_takes_any_payload(payload: bytes, codec: str, payload_type: int, timestamp: int) -> None:
    path, sink, _ = a_path(codec, 111 if codec == OPUS else 0)
    sender = RtpSender()
    for number, kind in enumerate((payload_type, 101, 0, 8, 111)):
        path.receive_rtp(sender.packet(kind, payload, timestamp=timestamp), number * TICK_S)
    path.receive_rtp(payload, 0.1)
    path.receive_rtcp(payload, 0.1)
    for number in range(40):
        path.pull(0.2 + number * TICK_S)
        assert path.pcm is None or len(path.pcm) == FRAME_BYTES
        path.send(path.pcm, path.level, path.encoded)
    assert len(sink.rtp) >= 40


@PATIENT
@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(1, 3)), max_size=60))
def test_counting_never_goes_wrong(packets: list[tuple[int, int, int]]) -> None:
    stats = ReceiveStats(8000)
    for number, (sequence, timestamp, ssrc) in enumerate(packets):
        stats.update(ssrc, sequence, timestamp, number * TICK_S)
    assert stats.packets == len(packets)
    assert stats.lost >= 0
    assert 0 <= stats.fraction_lost() <= 255
    assert 0 <= stats.jitter_ms < 1000
    assert 0 <= stats.highest < 2**32


# --- counting -------------------------------------------------------------------------------------------------------


def test_loss_is_counted_over_wraps_and_restarts() -> None:
    stats = ReceiveStats(8000)
    kept = [n for n in range(65500, 65500 + 200) if n % 10]
    for n in kept:
        stats.update(1, n & 0xFFFF, n * 160, n * TICK_S)
    # from 65501 to 65699: every tenth of them is missing
    assert stats.lost == sum(1 for n in range(65501, 65700) if not n % 10)
    assert stats.highest == 65699
    for n in range(3):  # another source: its packets are added, nothing is lost between the two
        stats.update(2, 100 + n, n * 160, 300 + n * TICK_S)
    assert stats.lost == sum(1 for n in range(65501, 65700) if not n % 10)
    assert stats.packets == len(kept) + 3


def test_jitter_is_that_of_the_standard() -> None:
    stats = ReceiveStats(8000)
    for n in range(400):
        stats.update(1, n, n * 160, n * TICK_S + (0.010 if n % 2 else 0.0))
    # Every difference is 10 ms, so the filter of RFC 3550 §6.4.1 settles there.
    assert 9.5 < stats.jitter_ms <= 10.01


def test_reports_tell_round_trip_and_loss() -> None:
    sender, received, other = RtpSender(), ReceiveStats(8000), RtpSender()
    ours, theirs = RtcpState(), RtcpState()
    for n in range(1, 101):
        if n % 4:
            received.update(sender.ssrc, n, n * 160, n * TICK_S)
    sender.packets = 100
    assert theirs.receive(ours.build(sender, ReceiveStats(8000), 10.0), other.ssrc, 10.0)
    report = theirs.build(other, received, 10.0)
    assert ours.receive(report, sender.ssrc, 10.0)
    assert ours.round_trip_ms is not None
    assert 0 <= ours.round_trip_ms < 1000
    assert ours.far_loss_percent is not None
    assert 24 < ours.far_loss_percent < 26
    parsed = parse_rtcp(report)
    assert parsed is not None
    assert parsed.sender_ssrc == other.ssrc
    assert parsed.blocks[0].cumulative_lost == 24
    bye = parse_rtcp(ours.build(sender, received, 10.0, bye=True))
    assert bye is not None
    assert bye.bye


# --- digits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [lambda n: False, lambda n: n % 2 == 0, lambda n: n % 7 < 5])
def test_digits_arrive_once_each_even_when_packets_are_lost(lost: Callable[[int], bool]) -> None:
    path, sink, _ = a_path()
    other, _, digits = a_path()
    assert path.send_digits("0123456789*#abcd")
    assert not path.send_digits("1" * 20)  # too many are waiting
    sent = 0
    for number in range(400):
        path.send(None, 0)
        for packet in sink.take():
            sent += 1
            if parse_rtp(packet).payload_type != 101 or not lost(sent):  # type: ignore[union-attr]
                other.receive_rtp(packet, number * TICK_S)
    assert "".join(digits) == "0123456789*#ABCD"


def test_timestamps_keep_time_through_digits_and_pauses() -> None:
    path, sink, _ = a_path()
    path.send(None, 0)
    first = parse_rtp(sink.take()[0])
    path.sending = False
    for _ in range(9):
        path.send(None, 0)
    path.sending = True
    path.send(None, 0)
    last = parse_rtp(sink.take()[0])
    assert first is not None
    assert last is not None
    assert (last.timestamp - first.timestamp) & 0xFFFFFFFF == 10 * 160
    assert (first.marker, last.marker) == (True, True)
    assert last.sequence == (first.sequence + 1) & 0xFFFF


# --- codecs and the jitter buffer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS])
def test_a_tone_survives_coding_loss_and_disorder(codec: str) -> None:
    path, sink, _ = a_path(codec, 111)
    other, _, _ = a_path(codec, 111)
    audio, heard, network = tone(440), bytearray(), list[bytes]()
    for number in range(100):
        at = number % 50 * FRAME_BYTES
        frame = audio[at : at + FRAME_BYTES]
        path.send(frame, rms(frame, 2))
        network += sink.take() if number % 20 else []  # one in twenty is lost
        if number % 5:  # bursts and disorder
            for packet in reversed(network):
                other.receive_rtp(packet, number * TICK_S)
            network.clear()
        other.pull(number * TICK_S + 0.010)
        heard += other.pcm or b""
        sink.take()
    assert_hears(bytes(heard[FRAME_BYTES * 20 :]), [440])
    assert 3 <= other.stats(2.0).lost_in <= 5


@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
def test_packets_of_any_length_are_cut_to_ticks(milliseconds: int) -> None:
    codec, other, heard = G711(PCMU), a_path()[0], bytearray()
    audio, sender = tone(440, seconds=3), RtpSender()
    size, clock = 16 * milliseconds, 0
    for number in range(100):
        while clock <= number * 20:
            packet = sender.packet(0, codec.encode(audio[clock * 16 : clock * 16 + size]))
            sender.advance(size // 2)
            other.receive_rtp(packet, clock / 1000)
            clock += milliseconds
        other.pull(number * TICK_S + 0.009)
        heard += other.pcm or b""
    assert len(heard) > 90 * FRAME_BYTES
    assert_hears(bytes(heard), [440])
    assert 5300 < rms(bytes(heard[3200:-3200]), 2) < 5900  # without holes or doubled audio


def test_long_opus_packets_are_cut_to_ticks() -> None:
    # Three 20 ms frames in one packet: code 3, constant bit rate (RFC 6716 §3.2.5).
    codec, other, heard, sender = Opus(), a_path(OPUS, 111)[0], bytearray(), RtpSender()
    audio = tone(440, seconds=3)
    for number in range(30):
        frames = [codec.encode(audio[at : at + FRAME_BYTES]) for at in range(number * 960, number * 960 + 960, 320)]
        longest = max(map(len, frames))
        body = b"".join(frame[1:] for frame in frames)
        sizes = b"".join(bytes([len(frame) - 1]) for frame in frames[:-1])
        assert longest < 252
        packet = bytes([frames[0][0] | 3, 0x80 | 3]) + sizes + body
        assert codec.units(packet) == 2880
        other.receive_rtp(sender.packet(111, packet), number * 0.06)
        sender.advance(2880)
        for tick in range(3):
            other.pull(number * 0.06 + tick * TICK_S + 0.009)
            heard += other.pcm or b""
    assert len(heard) > 80 * FRAME_BYTES
    assert_hears(bytes(heard[FRAME_BYTES * 10 :]), [440])


@PATIENT
@given(
    st.lists(
        st.tuples(st.integers(-3000, 3000), st.integers(0, 4), st.integers(1, 700)),
        max_size=80,
    )
)
def test_the_buffer_is_bounded_and_gives_whole_slots(steps: list[tuple[int, int, int]]) -> None:
    buffer, timestamp = JitterBuffer(160), 2**32 - 4000  # soon to wrap
    for number, (jump, pulls, size) in enumerate(steps):
        timestamp = (timestamp + 160 + (jump if number % 5 == 0 else 0)) & 0xFFFFFFFF
        if size % 3:
            buffer.push(timestamp, bytes(160), number * TICK_S)
        else:
            buffer.push_part(timestamp, bytes(size), number * TICK_S, 1, b"\xff")
        assert len(buffer) <= MAX_SLOTS + 5
        for _ in range(pulls):
            payload = buffer.pull(number * TICK_S + 0.010)
            assert payload is None or len(payload) == 160
            buffer.peek()


def test_the_delay_grows_with_lateness_and_comes_down_again() -> None:
    buffer, played = JitterBuffer(160), 0
    waiting: list[int] = []
    depths = []
    for tick in range(600):
        now = tick * TICK_S
        waiting.append(tick)
        if not 100 <= tick < 108:  # a pause of the network, then all at once
            for one in waiting:
                buffer.push(one * 160, bytes([one % 256]) * 160, now)
            waiting.clear()
        payload = buffer.pull(now + 0.015)
        played += payload is not None
        depths.append(len(buffer))
    assert max(depths[110:130]) >= 6
    assert depths[-1] <= 2
    assert played >= 580 - 8 - buffer.dropped
