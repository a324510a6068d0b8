"""A recording as Ogg/Opus (RFC 7845): written from its two channels, read back as them."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from hearthline.quality.recordings import ogg, opus
from hearthline.quality.recordings.ogg import DamagedError, Page

RATE = opus.RATE
_TO_48K = 48_000 // RATE  # Opus counts at 48 kHz whatever goes in (RFC 7845 §4)
_PACKETS_A_PAGE = 17  # about a second: what a player has to fetch before it plays from somewhere in the middle
_HEAD = struct.Struct("<8sBBHIhBBB2s")  # RFC 7845 §5.1
_VENDOR = b"Hearthline"


class Piece(NamedTuple):
    """A stretch of both channels, equally long: 16-bit at 8 kHz in the machine's byte order."""

    contact: array[int]  # what the contact said
    heard: array[int]  # what the contact heard: the operator, the manager, music


def write_opus(file: BinaryIO, pieces: Iterable[Piece], *, bits_per_s: int, serial: int) -> int:
    """Returns the number of samples of each channel."""
    encoder = opus.Encoder(bits_per_s)
    skip = encoder.lookahead * _TO_48K
    head = _HEAD.pack(b"OpusHead", 1, 2, skip, RATE, 0, 1, 2, 0, bytes((0, 1)))
    tags = b"OpusTags" + struct.pack("<I", len(_VENDOR)) + _VENDOR + struct.pack("<I", 0)
    ogg.write_page(file, Page((head,), 0, ogg.FIRST, 0), serial)
    ogg.write_page(file, Page((tags,), 0, 0, 1), serial)
    total = 0
    waiting: list[bytes] = []
    packets, sequence = 0, 2
    pending = array("h")

    def flush(*, last: bool) -> None:
        nonlocal sequence, waiting
        granule = skip + total * _TO_48K if last else packets * opus.FRAME * _TO_48K
        ogg.write_page(file, Page(tuple(waiting), granule, ogg.LAST if last else 0, sequence), serial)
        sequence, waiting = sequence + 1, []

    for piece in pieces:
        total += len(piece.contact)
        pending.extend(_interleaved(piece))
        whole = len(pending) // (2 * opus.FRAME)
        for n in range(whole):
            if len(waiting) == _PACKETS_A_PAGE:
                flush(last=False)
            waiting.append(encoder.encode(pending[n * 2 * opus.FRAME : (n + 1) * 2 * opus.FRAME]))
            packets += 1
        del pending[: whole * 2 * opus.FRAME]
    while packets * opus.FRAME < total + encoder.lookahead or not packets:  # what is still inside the encoder
        pending.extend(array("h", bytes(2 * (2 * opus.FRAME - len(pending)))))
        if len(waiting) == _PACKETS_A_PAGE:
            flush(last=False)
        waiting.append(encoder.encode(pending))
        packets += 1
        pending = array("h")
    flush(last=True)
    return total


def read_opus(file: BinaryIO) -> Iterator[Piece]:
    """Every piece, at most about a second each. DamagedError where the file is not what `write_opus` makes."""
    pages = ogg.read_pages(file)
    skip = _skip_of(next(pages, None))
    tags = next(pages, None)
    if tags is None or len(tags.packets) != 1 or not tags.packets[0].startswith(b"OpusTags"):
        raise DamagedError("there are no OpusTags")
    decoder = opus.Decoder()
    decoded = 0  # samples of each channel that came out of the decoder before this page
    for page in pages:
        samples = array("h")
        try:
            for packet in page.packets:
                samples.extend(decoder.decode(packet))
        except opus.OpusError as error:
            raise DamagedError(str(error)) from error
        begin = max(0, skip - decoded)
        end = len(samples) // 2
        if page.type & ogg.LAST:  # the granule position says how much of the last packets counts (RFC 7845 §4.4)
            end = page.granule // _TO_48K - decoded
        elif page.granule != (decoded + end) * _TO_48K:
            raise DamagedError(f"page {page.sequence} is of another moment")
        if not 0 <= end <= len(samples) // 2:
            raise DamagedError("the end lies elsewhere")
        decoded += len(samples) // 2
        if end > begin:
            yield Piece(samples[2 * begin : 2 * end : 2], samples[2 * begin + 1 : 2 * end : 2])


def _skip_of(page: Page | None) -> int:
    """Samples that come before the first, from the identification header."""
    if page is None or not page.type & ogg.FIRST or len(page.packets) != 1 or len(page.packets[0]) != _HEAD.size:
        raise DamagedError("there is no OpusHead")
    magic, version, channels, skip, rate, gain, family, streams, coupled, mapping = _HEAD.unpack(page.packets[0])
    if (magic, version, channels, rate, gain, family, streams, coupled, mapping) != (
        b"OpusHead", 1, 2, RATE, 0, 1, 2, 0, bytes((0, 1)),
    ):  # fmt: skip
        raise DamagedError("the channels are not two streams of their own")
    return int(skip) // _TO_48K


def _interleaved(piece: Piece) -> array[int]:
    if len(piece.contact) != len(piece.heard):
        raise ValueError("both channels of a piece are equally long")
    both = array("h", bytes(4 * len(piece.contact)))
    both[0::2], both[1::2] = piece.contact, piece.heard
    return both
