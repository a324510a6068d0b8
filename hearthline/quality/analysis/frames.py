"""From samples to what is known of each ten milliseconds: loudness by bands of frequency, tones, clipping.

All that follows works on these figures; the samples themselves are read once, a minute at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Samples = NDArray[np.int16]

RATE = 8000  # samples per second
HOP = 80  # samples from one frame to the next: 10 ms
HOP_MS = 10
WINDOW = 200  # samples looked at: 25 ms
FFT = 256
DEAD_SWING = 4  # steps of 65,536 between the highest and the lowest sample: less than the smallest step of G.711
BATCH = 20 * RATE  # samples worked on at once: large enough for numpy, small for memory
BIN_HZ = RATE / FFT
FULL_SCALE = 32768.0
QUIETEST_DB = -90.0  # nothing at all, dB of full scale

BAND_EDGES_HZ = (187, 300, 430, 580, 770, 1000, 1300, 1700, 2200, 2800, 3500)
LOWEST_TONE_HZ, HIGHEST_TONE_HZ = 300, 3000
_FULL_SCALE_LEVEL = 31_000  # G.711 cannot say more than 32,124; what the microphone cut off lies above this
_FLAT_LEVEL = 8_000  # a plateau below this is a square-ish sound rather than a clipped one
_FLAT_SAMPLES = 4  # as many equal samples in a row


@dataclass(frozen=True, slots=True)
class Frames:
    """One channel, a row for each 10 ms. Levels are dB of full scale."""

    level_db: Floats  # (frames,) of the whole band
    bands_db: Floats  # (frames, bands)
    tone_hz: Floats  # (frames,) the strongest frequency
    purity: Floats  # (frames,) 0..1: its share of the energy
    second_hz: Floats  # (frames,) the second strongest
    pair_purity: Floats  # (frames,) 0..1: the share of both
    clipped: NDArray[np.int32]  # (frames,) samples cut off
    dead: NDArray[np.bool_]  # (frames,) nothing: no packet came, or the microphone is muted

    def __len__(self) -> int:
        return len(self.level_db)

    @property
    def duration_ms(self) -> int:
        return len(self) * HOP_MS


class Framer:
    """One channel's samples (8 kHz, 16 bit), given in blocks of any length, become frames."""

    def __init__(self) -> None:
        # so that the middle of a frame's window is the middle of its 10 ms
        self._waiting: list[Samples] = [np.zeros((WINDOW - HOP) // 2, dtype=np.int16)]
        self._samples = len(self._waiting[0])
        self._parts: list[Frames] = []

    def add(self, block: Samples) -> None:
        self._waiting.append(block)
        self._samples += len(block)
        if self._samples >= BATCH:
            self._work()

    def frames(self) -> Frames:
        """All of them; an empty channel has one frame of nothing."""
        self._work()
        parts = self._parts or [_frames(np.zeros(WINDOW, dtype=np.int16), 1)]
        return Frames(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in Frames.__dataclass_fields__)
        )

    def _work(self) -> None:
        joined = np.concatenate(self._waiting)
        count = max(0, (len(joined) - WINDOW) // HOP + 1)
        if count:
            self._parts.append(_frames(joined, count))
        self._waiting = [joined[count * HOP :]]
        self._samples = len(self._waiting[0])


_TAPER = np.hanning(WINDOW).astype(np.float32) / FULL_SCALE
_POWER_OF_TAPER = (
    float(np.sum((_TAPER * FULL_SCALE) ** 2)) * FFT / 2
)  # makes a band's sum the mean square of its samples
_EDGES = [round(hz / BIN_HZ) for hz in BAND_EDGES_HZ]
_LOW, _HIGH = round(LOWEST_TONE_HZ / BIN_HZ), round(HIGHEST_TONE_HZ / BIN_HZ)


def _frames(samples: Samples, count: int) -> Frames:
    used = samples[: (count - 1) * HOP + WINDOW]
    windows = np.lib.stride_tricks.sliding_window_view(used, WINDOW)[::HOP]
    middles = used[(WINDOW - HOP) // 2 :][: count * HOP].reshape(count, HOP)
    dead: NDArray[np.bool_] = np.ptp(middles.astype(np.int32), axis=1) <= DEAD_SWING
    power = np.abs(np.fft.rfft(windows.astype(np.float32) * _TAPER, FFT, axis=1)) ** 2
    power /= np.float32(_POWER_OF_TAPER)
    bands = np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)
    level = bands.sum(axis=1)
    tone_hz, purity, second_hz, pair = _tones(power)
    return Frames(
        level_db=_decibels(level),
        bands_db=_decibels(bands),
        tone_hz=tone_hz,
        purity=purity,
        second_hz=second_hz,
        pair_purity=pair,
        clipped=_clipped(used, count),
        dead=dead,
    )


def _decibels(power: Floats) -> Floats:
    return (10 * np.log10(np.maximum(power, np.float32(10 ** (QUIETEST_DB / 10))))).astype(np.float32)


def _tones(power: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The two strongest peaks of each frame, by the energy of a peak's bin and two neighbours on either side."""
    part = power[:, _LOW:_HIGH]
    total = power[:, 3:].sum(axis=1) + np.float32(1e-12)
    first, first_power, rest = _strongest(part)
    second, second_power, _rest = _strongest(rest)
    return (
        ((first + _LOW) * BIN_HZ).astype(np.float32),
        (first_power / total).astype(np.float32),
        ((second + _LOW) * BIN_HZ).astype(np.float32),
        ((first_power + second_power) / total).astype(np.float32),
    )


def _strongest(power: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each row: where its peak is (a fraction of a bin), the peak's energy, and the row without it."""
    width = power.shape[1]
    at = power.argmax(axis=1)
    columns = np.clip(at[:, None] + np.arange(-2, 3), 0, width - 1)
    rows = np.arange(len(power))[:, None]
    near = power[rows, columns]
    energy = near.sum(axis=1)
    centre = (near * columns).sum(axis=1) / (energy + np.float32(1e-20))
    rest = power.copy()
    rest[rows, columns] = 0
    return centre.astype(np.float32), energy, rest


def _clipped(samples: Samples, count: int) -> NDArray[np.int32]:
    """How many samples of each hop were cut off: at full scale, or on a plateau (several equal ones in a row, all loud)."""
    hops = samples[: count * HOP]
    loud = np.abs(hops.astype(np.int32))
    cut = loud >= _FULL_SCALE_LEVEL
    flat = (np.diff(hops) == 0) & (loud[1:] >= _FLAT_LEVEL)
    if flat.any():
        run = np.convolve(flat.astype(np.int8), np.ones(_FLAT_SAMPLES - 1, dtype=np.int8))[: len(flat)]
        for back in range(_FLAT_SAMPLES):
            ends = np.flatnonzero(run == _FLAT_SAMPLES - 1) + 1 - back
            cut[ends[ends >= 0]] = True
    summed: NDArray[np.int32] = np.add.reduceat(cut, np.arange(0, len(hops), HOP)).astype(np.int32)
    return summed
