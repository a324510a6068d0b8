"""Ogg/Opus as other people's encoders write it: one stream, mapping family 0, packets over page boundaries."""

from __future__ import annotations

import io
import struct
from array import array

import opuslib_next

from hearthline.quality.recordings import ogg

RATE = 8000
FRAME = 160


def one_stream(samples: array[int]) -> bytes:
    """RFC 7845 of mono samples at 8 kHz."""
    encoder = opuslib_next.Encoder(RATE, 1, opuslib_next.APPLICATION_AUDIO)
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, 312, 48_000, 0, 0)
    tags = (
        b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0) + bytes(70_000)
    )  # a picture: over one page
    file = io.BytesIO()
    ogg.write_page(file, ogg.Page((head,), 0, ogg.FIRST, 0), 3)
    first, rest = tags[: 255 * 255], tags[255 * 255 :]
    _page(file, first, bytes([255] * 255), 0, 1)
    _page(file, rest, ogg.lacing(rest), 1, 2)
    sequence = 3
    for begin in range(0, len(samples) - FRAME + 1, FRAME):
        packet = encoder.encode(samples[begin : begin + FRAME].tobytes(), FRAME)
        ogg.write_page(file, ogg.Page((packet,), (begin + FRAME) * 6, 0, sequence), 3)
        sequence += 1
    return file.getvalue()


def _page(file: io.BytesIO, body: bytes, segments: bytes, type: int, sequence: int) -> None:
    def head(crc: int) -> bytes:
        return struct.pack("<4sBBqIIIB", b"OggS", 0, type, 0, 3, sequence, crc, len(segments))

    file.write(head(ogg.checksum(head(0) + segments + body)) + segments + body)
