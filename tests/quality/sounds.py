"""Speech-like audio for recordings: two people who take turns, as a switch writes them."""

from __future__ import annotations

import io
import math
import random
import wave
from array import array
from pathlib import Path

RATE = 8000


def voice(seconds: float, *, pitch: int, seed: int = 1, peak: int = 14_000) -> array[int]:
    """Voiced syllables of a quarter of a second with gaps: what a speech codec takes for a person."""
    random_ = random.Random(seed)
    samples = array("h")
    syllable = RATE // 4
    while len(samples) < seconds * RATE:
        colour = [random_.uniform(0.2, 1) for _ in range(8)]
        for n in range(syllable):
            loud = math.sin(math.pi * n / syllable)
            tone = sum(c * math.sin(2 * math.pi * pitch * (h + 1) * n / RATE) for h, c in enumerate(colour))
            samples.append(int(peak * loud * tone / 5))
        samples.extend(array("h", bytes(2 * (RATE // 20))))
    return samples[: int(seconds * RATE)]


def silence(seconds: float) -> array[int]:
    return array("h", bytes(2 * int(seconds * RATE)))


def in_turns(seconds: float) -> tuple[array[int], array[int]]:
    """The contact speaks in the first half and the operator is silent; then the other way round."""
    half = seconds / 2
    return voice(half, pitch=120) + silence(half), silence(half) + voice(half, pitch=210, seed=2)


def write_wav(path: Path, contact: array[int], heard: array[int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    both = array("h", bytes(4 * len(contact)))
    both[0::2], both[1::2] = contact, heard
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(both.tobytes())
    return path


def level_db(samples: array[int]) -> float:
    """Root mean square in dB of full scale; -120 for silence."""
    power = sum(s * s for s in samples) / max(1, len(samples))
    return 10 * math.log10(max(power, 1e-3) / 32768**2)


def a_wav(*, rate: int = 44_100, seconds: float = 1.0, channels: int = 1, hz: float = 440.0) -> bytes:
    tone = [int(9000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(int(rate * seconds))]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(array("h", [sample for sample in tone for _c in range(channels)]).tobytes())
    return file.getvalue()
