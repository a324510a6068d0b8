"""Tones to play and to find again: WAV files of 8 kHz 16-bit."""

from __future__ import annotations

import math
import wave
from array import array
from functools import lru_cache
from pathlib import Path

RATE = 8000


@lru_cache(maxsize=32)
def _period(hz: int) -> bytes:
    """One second of a sine: a whole number of periods, so seconds join without a click."""
    return array("h", (int(9000 * math.sin(2 * math.pi * hz * i / RATE)) for i in range(RATE))).tobytes()


def write_tone(path: Path, hz: int, seconds: int = 120) -> Path:
    """A mono file of a sine of whole hertz."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        for _ in range(seconds):
            out.writeframesraw(_period(hz))
    return path


def samples(path: Path, channel: int = 0) -> array[int]:
    """One channel of a 16-bit file, also of one whose header was never completed. Assumes 8 kHz."""
    data = path.read_bytes()
    channels = int.from_bytes(data[22:24], "little") or 1
    rate = int.from_bytes(data[24:28], "little")
    assert rate == RATE, f"{path.name} has {rate} Hz"
    start = data.find(b"data") + 8
    body = data[start : start + (len(data) - start) // (2 * channels) * 2 * channels]
    return array("h", body)[channel::channels]


def frequency_level(path: Path, hz: float, channel: int = 0, part: tuple[float, float] = (0.25, 0.75)) -> int:
    """Amplitude (0 to 32767) of one frequency in a part of the file, by default its middle half (Goertzel)."""
    heard = samples(path, channel)
    heard = heard[int(len(heard) * part[0]) : int(len(heard) * part[1])]
    step = 2 * math.cos(2 * math.pi * hz / RATE)
    before = last = 0.0
    for sample in heard:
        before, last = last, sample + step * last - before
    return int(2 * math.sqrt(max(0.0, last * last + before * before - step * last * before)) / max(len(heard), 1))


def seconds_of(path: Path) -> float:
    return len(samples(path)) / RATE
