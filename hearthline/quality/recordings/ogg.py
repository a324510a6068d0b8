"""Ogg pages (RFC 3533), as far as a file of one stream with whole packets needs them.

Written here because it is a page of code: no library of PyPI writes Ogg without bringing a whole codec suite.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

FIRST, LAST = 0x02, 0x04  # header types (RFC 3533 §6): beginning and end of the stream
_CONTINUED = 0x01
_HEAD = struct.Struct("<4sBBqIIIB")  # capture pattern, version, type, granule position, serial, sequence, CRC, segments
_MAX_SEGMENTS = 255
_LONGEST_PACKET = 4_000_000  # bytes, of other people's files: their tags may hold a picture
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class DamagedError(Exception):
    """The file is not what was written; the sentence says where."""


@dataclass(frozen=True, slots=True)
class Page:
    packets: tuple[bytes, ...]
    granule: int  # samples at 48 kHz at the end of the last packet, for Opus (RFC 7845 §4)
    type: int
    sequence: int


def checksum(data: bytes) -> int:
    """CRC-32 with the polynomial 04c11db7, not reflected, from zero (RFC 3533 §6). zlib has the reflected one: the same sum of
    reversed bits."""
    raw = zlib.crc32(data.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{raw:032b}"[::-1], 2)


def lacing(packet: bytes) -> bytes:
    """Segment lengths of one packet: 255 as often as it fits, then the rest, which may be 0."""
    return b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))


def write_page(file: BinaryIO, page: Page, serial: int) -> None:
    """ValueError when the packets are more than one page can hold."""
    segments = b"".join(lacing(packet) for packet in page.packets)
    if len(segments) > _MAX_SEGMENTS:
        raise ValueError("the packets do not fit into one page")
    body = segments + b"".join(page.packets)

    def head(crc: int) -> bytes:
        return _HEAD.pack(b"OggS", 0, page.type, page.granule, serial, page.sequence, crc, len(segments))

    file.write(head(checksum(head(0) + body)) + body)


def read_pages(file: BinaryIO) -> Iterator[Page]:
    """Pages in order; DamagedError for anything that `write_page` would not have written, or a missing end."""
    serial: int | None = None
    expected, type = 0, 0
    while raw := file.read(_HEAD.size):
        page, found = _read_page(file, raw, expected)
        serial = found if serial is None else serial
        if found != serial or page.sequence != expected:
            raise DamagedError(f"page {expected} is missing")
        expected, type = expected + 1, page.type
        yield page
    if not type & LAST:
        raise DamagedError("the end is missing")


def packets_of(file: BinaryIO) -> Iterator[bytes]:
    """The packets of the first stream of any Ogg file, also those that go over several pages (RFC 3533 §5). DamagedError."""
    serial: int | None = None
    pending = bytearray()
    while raw := file.read(_HEAD.size):
        if len(raw) < _HEAD.size:
            raise DamagedError("a page is cut off")
        capture, version, type, _granule, found, _sequence, crc, count = _HEAD.unpack(raw)
        segments = file.read(count)
        body = file.read(sum(segments))
        if capture != b"OggS" or version != 0 or len(segments) < count or len(body) < sum(segments):
            raise DamagedError("a page is cut off")
        if checksum(raw[:22] + bytes(4) + raw[26:] + segments + body) != crc:
            raise DamagedError("a page has another checksum")
        serial = found if serial is None else serial
        if found != serial:
            continue  # another stream: a picture, a second track
        if not type & _CONTINUED:
            pending.clear()
        at = 0
        for segment in segments:
            pending += body[at : at + segment]
            at += segment
            if len(pending) > _LONGEST_PACKET:
                raise DamagedError("a packet without an end")
            if segment < 255:
                yield bytes(pending)
                pending.clear()


def _read_page(file: BinaryIO, raw: bytes, number: int) -> tuple[Page, int]:
    if len(raw) < _HEAD.size:
        raise DamagedError(f"page {number} is cut off")
    capture, version, type, granule, serial, sequence, crc, count = _HEAD.unpack(raw)
    if capture != b"OggS" or version != 0 or type & _CONTINUED:
        raise DamagedError(f"page {number} is no page of ours")
    segments = file.read(count)
    body = file.read(sum(segments))
    if len(segments) < count or len(body) < sum(segments):
        raise DamagedError(f"page {number} is cut off")
    if checksum(raw[:22] + bytes(4) + raw[26:] + segments + body) != crc:
        raise DamagedError(f"page {number} has another checksum")
    packets, at, length = [], 0, 0
    for segment in segments:
        length += segment
        if segment < 255:
            packets.append(body[at : at + length])
            at, length = at + length, 0
    if length:
        raise DamagedError(f"page {number} has half a packet")
    return Page(tuple(packets), granule, type, sequence), serial
