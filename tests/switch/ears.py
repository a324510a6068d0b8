"""Tones to say, and finding out which of them were heard: frequencies are what proves that audio arrived."""

from __future__ import annotations

import array
import math
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hearthline.switch.embedded.pcm import RATE

AMPLITUDE = 8000
HEARD = 1200  # amplitude from which a tone counts as heard
UNHEARD = 150  # and below which it counts as not there


def tone(*frequencies: float, seconds: float = 1.0, amplitude: int = AMPLITUDE) -> bytes:
    """Linear audio of some sines; whole hertz and whole seconds loop without a seam."""
    count = int(RATE * seconds)
    return array.array(
        "h",
        (int(sum(amplitude * math.sin(2 * math.pi * hz * i / RATE) for hz in frequencies)) for i in range(count)),
    ).tobytes()


def amplitude(pcm: bytes, hz: float) -> float:
    """Amplitude of the tone at `hz` (the strongest within 8 Hz of it) in linear audio."""
    samples = np.frombuffer(pcm, dtype=np.int16).astype(float)
    if not len(samples):
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), n=4 * len(samples))) * 4 / len(samples)
    frequencies = np.fft.rfftfreq(4 * len(samples), 1 / RATE)
    return float(spectrum[np.abs(frequencies - hz) <= 8].max())


def assert_hears(pcm: bytes, heard: Iterable[float], *, unheard: Iterable[float] = ()) -> None:
    """All of `heard` are there and none of `unheard`."""
    found = {hz: round(amplitude(pcm, hz)) for hz in (*heard, *unheard)}
    missing = [hz for hz in heard if found[hz] < HEARD]
    leaked = [hz for hz in unheard if found[hz] > UNHEARD]
    assert not missing, f"not heard: {missing}; amplitudes {found}"
    assert not leaked, f"should not be heard: {leaked}; amplitudes {found}"


def level(pcm: bytes) -> float:
    """RMS."""
    samples = np.frombuffer(pcm, dtype=np.int16).astype(float)
    return float(np.sqrt((samples**2).mean())) if len(samples) else 0.0


def write_wav(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


def read_stereo(path: Path) -> tuple[bytes, bytes]:
    """Left and right of a recording, which must be 16-bit stereo at 8 kHz."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).reshape(-1, 2)
    return frames[:, 0].tobytes(), frames[:, 1].tobytes()
