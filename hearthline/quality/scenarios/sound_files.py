"""A sound that somebody uploads, made into what a telephone carries: 16-bit linear, mono, 8 kHz. WAV and Ogg/Opus are read.

Nothing of the upload is trusted: every length is looked at before it is used, and the work is bounded by `LONGEST_S`.
"""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterator
from math import ceil, gcd

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from hearthline.lib.errors import InvalidInputError
from hearthline.quality.recordings import ogg, opus

RATE = 8000
MOST_BYTES = 25_000_000  # of an upload: a minute of two channels at 48 kHz and 32 bits has 23,040,000
LONGEST_S = 60
SHORTEST_S = 0.2
RATES = (4000, 192_000)  # samples a second that are taken
MOST_CHANNELS = 8
PEAK = 18_000  # of 32,767: as loud as a rendered line
FAINTEST = 0.002  # of full scale; what never gets louder is taken for silence

_A_LAW, _EXTENSIBLE = 6, 0xFFFE  # WAVE format tags (RFC 2361); 1 is linear, 3 floating point, 7 mu-law
_ZERO_CROSSINGS = 24  # of the low-pass on each side: -80 dB above 4 kHz
_BLOCK = 4096  # places that are worked out at once
_PASSES = 0.92  # of the narrower rate's band

Sound = NDArray[np.float32]


def to_telephone(data: bytes) -> bytes:
    """16-bit little-endian samples at 8 kHz, evenly loud. Raises InvalidInputError with what to do about it."""
    if len(data) > MOST_BYTES:
        raise InvalidInputError(_("The file is too large: at most 25 MB."))
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        sound, rate = _wav(data)
    elif data[:4] == b"OggS":
        sound, rate = _opus(data), RATE
    else:
        raise InvalidInputError(_("This is neither a WAV nor an Ogg file. Save the recording as one of them."))
    if len(sound) < SHORTEST_S * rate:
        raise InvalidInputError(_("There is hardly any sound in this file. Record a line and try again."))
    _require_short(len(sound), rate)
    narrow = resampled(np.nan_to_num(sound), rate)
    peak = float(np.max(np.abs(narrow)))
    if peak < FAINTEST:
        raise InvalidInputError(_("Nothing can be heard in this file. Record it louder and try again."))
    return np.round(narrow * (PEAK / peak)).astype("<i2").tobytes()


def as_wav(sound: bytes) -> bytes:
    """For a browser, what `to_telephone` made."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(sound)
    return file.getvalue()


def resampled(sound: Sound, rate: int) -> Sound:
    """At 8 kHz, by a windowed sinc of one filter for each place between two samples; what lies above 4 kHz does not fold back."""
    if rate == RATE:
        return sound
    common = gcd(rate, RATE)
    up, down = RATE // common, rate // common
    cutoff = 0.5 * _PASSES * min(1.0, RATE / rate)  # cycles a sample
    half = ceil(_ZERO_CROSSINGS / (2 * cutoff))
    padded = np.concatenate([np.zeros(half, np.float32), sound, np.zeros(half + 1, np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    count = len(sound) * up // down
    places = np.arange(count, dtype=np.int64) * down
    found = np.zeros(count, np.float32)
    steps = np.arange(-half, half + 1)
    for phase in range(min(up, count)):
        behind = steps - (phase * down % up) / up
        taps = 2 * cutoff * np.sinc(2 * cutoff * behind) * (0.5 + 0.5 * np.cos(np.pi * behind / (half + 1)))
        for block in range(phase, count, up * _BLOCK):
            rows = slice(block, block + up * _BLOCK, up)
            found[rows] = windows[places[rows] // up] @ taps.astype(np.float32)
    return found


def _require_short(samples: int, rate: int) -> None:
    if samples > LONGEST_S * rate:
        words = {"most": LONGEST_S}
        raise InvalidInputError(
            _("The recording is too long: at most %(most)s seconds. Cut it, or make it several.") % words
        )


# --- WAV --------------------------------------------------------------------------------------------------------------


def _wav(data: bytes) -> tuple[Sound, int]:
    chunks = dict(_chunks(data))
    form, body = chunks.get(b"fmt ", b""), chunks.get(b"data", b"")
    if len(form) < 16 or not body:
        raise InvalidInputError(_("This WAV file is damaged: its sound is missing. Save it anew."))
    tag, channels, rate, _bytes_s, _align, bits = struct.unpack_from("<HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from("<H", form, 24)
    if not (1 <= channels <= MOST_CHANNELS and RATES[0] <= rate <= RATES[1]):
        raise InvalidInputError(_("A sound of this kind is not understood. Save it as 16-bit WAV, mono, 8 to 48 kHz."))
    frame = max(1, bits // 8) * channels
    _require_short(len(body) // frame, rate)
    samples = _linear(tag, bits, body[: len(body) // frame * frame])
    return samples.reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Of RIFF, each with its name. One that is longer than the file ends with it: recorders that crashed leave such."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _linear(tag: int, bits: int, body: bytes) -> Sound:
    """-1 to 1."""
    found: Sound
    match tag, bits:
        case 1, 8:
            found = (np.frombuffer(body, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        case 1, 16:
            found = np.frombuffer(body, "<i2").astype(np.float32) / np.float32(2**15)
        case 1, 24:
            three = np.frombuffer(body, np.uint8).reshape(-1, 3)
            high = np.concatenate([np.zeros((len(three), 1), np.uint8), three], axis=1)
            found = high.view("<i4").ravel().astype(np.float32) / np.float32(2**31)
        case 1, 32:
            found = np.frombuffer(body, "<i4").astype(np.float32) / np.float32(2**31)
        case 3, 32:
            found = np.clip(np.frombuffer(body, "<f4"), -1, 1).astype(np.float32)
        case 3, 64:
            found = np.clip(np.frombuffer(body, "<f8"), -1, 1).astype(np.float32)
        case ((6 | 7), 8):
            found = _companded(np.frombuffer(body, np.uint8), a_law=tag == _A_LAW)
        case _:
            raise InvalidInputError(
                _("A sound of this kind is not understood. Save it as 16-bit WAV, mono, 8 to 48 kHz.")
            )
    return found


def _companded(codes: NDArray[np.uint8], *, a_law: bool) -> Sound:
    """ITU-T G.711, table 1a and 2a: sign, three bits of exponent, four of mantissa."""
    every = np.arange(256)
    plain = every ^ (0x55 if a_law else 0xFF)
    exponent, mantissa = plain >> 4 & 7, plain & 15
    if a_law:
        size = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0)) * 8
        sign = np.where(plain & 0x80, 1, -1)
    else:
        size = ((2 * mantissa + 33) << exponent) * 4 - 132
        sign = np.where(plain & 0x80, -1, 1)
    table: Sound = (sign * size / 2**15).astype(np.float32)
    found: Sound = table[codes]
    return found


# --- Ogg/Opus ---------------------------------------------------------------------------------------------------------


def _opus(data: bytes) -> Sound:
    """RFC 7845. The decoder itself gives 8 kHz and one channel, whatever was recorded."""
    damaged = InvalidInputError(
        _("This Ogg file is damaged, or something else than Opus is in it. Save it as Opus or WAV.")
    )
    try:
        packets = ogg.packets_of(io.BytesIO(data))
        head = next(packets, b"")
        if len(head) < 19 or not head.startswith(b"OpusHead") or head[9] not in (1, 2) or head[18] != 0:
            raise damaged
        if not next(packets, b"").startswith(b"OpusTags"):
            raise damaged
        decoder = opus.MonoDecoder()
        pieces: list[bytes] = []
        samples = 0
        for packet in packets:
            pieces.append(decoder.decode(packet))
            samples += len(pieces[-1]) // 2
            _require_short(samples - RATE, RATE)  # the last packet may be longer than what counts of it
    except (ogg.DamagedError, opus.OpusError) as error:
        raise damaged from error
    skip = struct.unpack_from("<H", head, 10)[0] * RATE // 48_000
    return np.frombuffer(b"".join(pieces), np.int16)[skip:].astype(np.float32) / np.float32(2**15)
