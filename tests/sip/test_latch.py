"""Whose RTP is let in."""

from __future__ import annotations

import struct

import pytest

from hearthline.switch.embedded.sip.latch import PROBATION, SILENCE_SECONDS, Latch
from hearthline.switch.embedded.sip.media import NoPortLeftError, RtpPorts
from tests.testbed.programs import free_port

SIGNALLED = ("192.0.2.1", 4000)
PEER_HOST = "192.0.2.9"


def rtp(sequence: int, ssrc: int = 1) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, 0, ssrc) + bytes(160)


@pytest.fixture
def latch() -> Latch:
    latch = Latch()
    latch.signal(SIGNALLED, PEER_HOST)
    return latch


def run(
    latch: Latch, source: tuple[str, int], count: int, *, at: float = 0.0, first: int = 0, ssrc: int = 1
) -> list[bool]:
    return [latch.admits(source, rtp(first + i, ssrc), at + 0.02 * i) for i in range(count)]


def test_the_signalled_address_is_let_in_at_once(latch: Latch) -> None:
    assert latch.target == SIGNALLED
    assert run(latch, SIGNALLED, 2) == [True, True]


def test_a_stranger_never_gets_in(latch: Latch) -> None:
    assert not any(run(latch, ("198.51.100.7", 4000), 500))
    run(latch, SIGNALLED, 1)
    assert not any(run(latch, ("198.51.100.7", 4000), 500, at=100))
    assert latch.target == SIGNALLED
    assert latch.refused == 1000


@pytest.mark.parametrize("source", [("192.0.2.1", 4444), (PEER_HOST, 4000)])
def test_another_port_or_the_signalling_host_must_prove_itself(latch: Latch, source: tuple[str, int]) -> None:
    assert run(latch, source, PROBATION + 1) == [False] * (PROBATION - 1) + [True, True]
    assert latch.target == source


def test_packets_out_of_order_or_of_several_sources_prove_nothing(latch: Latch) -> None:
    source = ("192.0.2.1", 4444)
    assert not any(latch.admits(source, rtp(number * 7), 0) for number in range(50))
    assert not any(latch.admits(source, rtp(number, ssrc=number), 0) for number in range(50))
    assert not any(latch.admits(("192.0.2.1", 5000 + number % 2), rtp(number), 0) for number in range(50))
    assert not any(latch.admits(source, b"\x80" + bytes(5), 0) for _ in range(50))


def test_nobody_takes_over_a_stream_that_flows(latch: Latch) -> None:
    run(latch, SIGNALLED, 1)
    for i in range(500):
        assert latch.admits(SIGNALLED, rtp(i), 0.02 * i)
        assert not latch.admits(("192.0.2.1", 6666), rtp(i, ssrc=2), 0.02 * i)
    assert latch.target == SIGNALLED


def test_a_stream_that_moves_is_followed_after_a_silence(latch: Latch) -> None:
    """A NAT gives the far end another port."""
    run(latch, SIGNALLED, 10)
    moved = ("192.0.2.1", 6666)
    assert not any(run(latch, moved, PROBATION - 2, at=SILENCE_SECONDS / 2))
    assert run(latch, moved, PROBATION, at=0.2 + SILENCE_SECONDS, first=100)[-1]
    assert latch.target == moved


def test_a_reinvite_moves_the_target(latch: Latch) -> None:
    run(latch, SIGNALLED, 10)
    latch.signal(("192.0.2.2", 5000), PEER_HOST)
    assert latch.target == ("192.0.2.2", 5000)
    assert not latch.admits(SIGNALLED, rtp(11), 0.2)


def test_rtcp_moves_nothing(latch: Latch) -> None:
    assert latch.admits_rtcp(SIGNALLED)
    assert not latch.admits_rtcp(("192.0.2.1", 4001))


async def test_ports_come_from_the_range_and_go_back_to_it() -> None:
    low = free_port(together=5)
    low += low % 2
    ports = RtpPorts("127.0.0.1", low, low + 3)
    first, second = ports.open("127.0.0.1"), ports.open("127.0.0.1")
    assert {first.local.port, second.local.port} == {low, low + 2}
    with pytest.raises(NoPortLeftError):
        ports.open("127.0.0.1")
    first.close()
    third = ports.open("127.0.0.1")
    assert third.local.port == low
    second.close()
    third.close()
