"""Ogg/Opus of recordings: everything comes back, the two people stay apart, damage is noticed (RFC 3533, 6716, 7845)."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Iterator

import pytest

from hearthline.quality.recordings import ogg
from hearthline.quality.recordings.opus_file import Piece, read_opus, write_opus
from hearthline.quality.recordings.samples import read_wav
from tests.quality.sounds import RATE, in_turns, level_db


def pieces(contact: array[int], heard: array[int], size: int = 5000) -> Iterator[Piece]:
    for at in range(0, len(contact), size):
        yield Piece(contact[at : at + size], heard[at : at + size])


def packed(contact: array[int], heard: array[int]) -> bytes:
    file = io.BytesIO()
    assert write_opus(file, pieces(contact, heard), bits_per_s=8000, serial=42) == len(contact)
    return file.getvalue()


def unpacked(data: bytes) -> tuple[array[int], array[int]]:
    contact, heard = array("h"), array("h")
    for piece in read_opus(io.BytesIO(data)):
        assert 0 < len(piece.contact) == len(piece.heard) <= 1.1 * RATE
        contact.extend(piece.contact)
        heard.extend(piece.heard)
    return contact, heard


@pytest.mark.parametrize("samples", [0, 1, 427, 428, 429, 480, 8000, 8160, 8161, 30_001])
def test_as_many_samples_come_back_as_went_in(samples: int) -> None:
    contact, heard = in_turns(4)
    back = unpacked(packed(contact[:samples], heard[:samples]))
    assert len(back[0]) == len(back[1]) == samples


def test_neither_person_is_heard_on_the_others_side() -> None:
    contact, heard = in_turns(8)
    back_contact, back_heard = unpacked(packed(contact, heard))
    half, edge = len(contact) // 2, RATE // 10
    assert abs(level_db(back_contact[:half]) - level_db(contact[:half])) < 3
    assert abs(level_db(back_heard[half:]) - level_db(heard[half:])) < 3
    assert level_db(back_heard[: half - edge]) < level_db(back_contact[:half]) - 60
    assert level_db(back_contact[half + edge :]) < level_db(back_heard[half:]) - 60


def test_eight_kilobits_a_channel_are_kept_to() -> None:
    contact, heard = in_turns(8)
    assert len(packed(contact + heard, heard + contact)) * 8 / 16 < 2 * 8000 * 1.1


def test_the_header_says_two_streams_that_are_not_coupled() -> None:
    data = packed(*in_turns(1))
    head = next(ogg.read_pages(io.BytesIO(data))).packets[0]
    magic, version, channels, skip, rate, gain, family, streams, coupled = struct.unpack("<8sBBHIhBBB", head[:21])
    assert (magic, version, channels, rate, gain) == (b"OpusHead", 1, 2, 8000, 0)
    assert (family, streams, coupled, head[21:]) == (1, 2, 0, b"\x00\x01")
    assert 0 < skip < 3840


def test_the_checksum_is_the_one_of_the_standard() -> None:
    slow = 0
    for byte in b"OggS and what follows":
        slow ^= byte << 24
        for _ in range(8):
            slow = (slow << 1) ^ (0x104C11DB7 if slow & 0x80000000 else 0)
    assert ogg.checksum(b"OggS and what follows") == slow


@pytest.mark.parametrize("packet", [b"", b"x" * 254, b"x" * 255, b"x" * 256, b"x" * 510])
def test_packets_of_any_length_pass(packet: bytes) -> None:
    file = io.BytesIO()
    ogg.write_page(file, ogg.Page((packet, b"next"), 5, ogg.FIRST | ogg.LAST, 0), 9)
    file.seek(0)
    assert [page.packets for page in ogg.read_pages(file)] == [(packet, b"next")]


def test_every_damage_is_noticed() -> None:
    data = packed(*in_turns(3))
    pages = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    damaged = [
        data[: len(data) // 2], data[:-1], data[: pages[-1]], data[: pages[3]] + data[pages[4] :], data + b"Ogg", b"",
        *(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :] for at in range(0, len(data), 211)),
    ]  # fmt: skip
    for case in damaged:
        with pytest.raises(ogg.DamagedError):
            unpacked(case)


def test_a_wav_that_a_crash_left_without_its_length_is_read_whole() -> None:
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", 0)
    body = array("h", range(1000)).tobytes()
    found = list(read_wav(io.BytesIO(header + body + b"\x01")))
    assert [list(piece.contact) for piece in found] == [list(range(0, 1000, 2))]
    with pytest.raises(ogg.DamagedError):
        list(read_wav(io.BytesIO(b"RIFF, but no more")))
    assert list(read_wav(io.BytesIO(header))) == []
