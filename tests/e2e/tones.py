"""Tones as voices: who hears whom is told by frequency. Pulsed, so that noise suppression takes them for speech."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

RATE = 8000
WINDOW = 1600  # 200 ms


def write_tone(path: Path, hertz: float, *, seconds: float = 30.0, rate: int = RATE, listens_s: float = 0.0) -> Path:
    """A mono 16-bit WAV of a tone that is on for 350 ms and off for 150; for so long silent after each second of it."""
    t = np.arange(int(seconds * rate)) / rate
    gate = np.clip(np.minimum(t % 0.5, 0.35 - t % 0.5) / 0.01, 0, 1)
    gate *= t % (1.0 + listens_s) < 1.0
    samples = (0.35 * 32767 * np.sin(2 * np.pi * hertz * t) * gate).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def read_channel(path: Path, channel: int = 0) -> np.ndarray[Any, Any]:
    """Samples of one channel as floats; a header that was never completed does not matter."""
    raw = path.read_bytes()
    channels = int.from_bytes(raw[22:24], "little")
    frames = (len(raw) - 44) // (2 * channels)
    data = np.frombuffer(raw[44 : 44 + frames * 2 * channels], "<i2").astype(float)
    return data[channel::channels]


def heard(samples: np.ndarray[Any, Any], hertz: float) -> float:
    """The share of 200 ms windows in which this tone is clearly there (its amplitude above 600 of 32767)."""
    windows = len(samples) // WINDOW
    if windows == 0:
        return 0.0
    shaped = samples[: windows * WINDOW].reshape(windows, WINDOW) * np.hanning(WINDOW)
    turn = np.exp(-2j * np.pi * hertz * np.arange(WINDOW) / RATE)
    amplitude = np.abs(shaped @ turn) / (WINDOW / 4)
    return float((amplitude > 600).mean())
