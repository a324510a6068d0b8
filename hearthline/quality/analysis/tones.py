"""Sounds of machines: fax tones, keys, the beep of an answering machine, tones of the network that repeat."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hearthline.quality.analysis.frames import HOP_MS, Frames
from hearthline.quality.analysis.voice import Span

PURE = 0.7  # the share of all energy that a tone has; a vowel's strongest harmonic has less
STEADY_HZ = 14  # a tone keeps its frequency; a voice does not
SHORTEST_TONE_MS = 180
FAINTEST_TONE_DB = -55.0  # of full scale; what hums below is electronics: the noise from which speech stands out
KEY_MS = 40  # ITU-T Q.24: a key is told from 40 ms on
KEY_TOLERANCE = 0.025  # Q.24 asks for 1.8 %; half a bin of ours is added
KEY_PAIR_PURE = 0.8
ROWS_HZ, COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
ANSWER_TONE_HZ, ANSWER_TONE_MS = 2100, 1000  # CED: ITU-T T.30 §4.3.3.2 asks for 2.6 to 4 s, breaks are joined
CALLING_TONE_HZ, CALLING_TONE_MS = 1100, (350, 700)  # CNG: T.30 §4.3.3.1: 0.5 s of tone, 3 s of nothing
CALLING_PERIOD_MS = (2800, 4200)
BEEP_HZ, BEEP_MS = (420, 2500), (200, 2500)
REPEATS = 3  # of equal tones at equal distances: ringing, busy
BREAK_MS = 60  # an answer tone turns its phase every 450 ms; it stays one tone


@dataclass(frozen=True, slots=True)
class Tone:
    kind: str  # "fax_answer", "fax_calling", "key", "repeated", "beep"
    span: Span
    hz: int
    key: str = ""


def tones_of(frames: Frames) -> list[Tone]:
    """All tones of one channel, in the order of time. A beep is any steady tone that is nothing else."""
    keys = _keys(frames)
    steady = [(span, hz) for span, hz in _steady(frames) if not any(span.overlap(key.span) for key in keys)]
    tones = [
        Tone("fax_answer", span, hz)
        for span, hz in steady
        if abs(hz - ANSWER_TONE_HZ) <= 30 and span.length >= ANSWER_TONE_MS
    ]
    calling = [
        (span, hz)
        for span, hz in steady
        if abs(hz - CALLING_TONE_HZ) <= 40 and CALLING_TONE_MS[0] <= span.length <= CALLING_TONE_MS[1]
    ]
    tones += [Tone("fax_calling", span, hz) for span, hz in calling if _has_fellow(span, calling)]
    known = {tone.span for tone in tones}
    rest = [(span, hz) for span, hz in steady if span not in known]
    repeated = _repeated(rest)
    tones += [Tone("repeated", span, hz) for span, hz in repeated]
    tones += [
        Tone("beep", span, hz)
        for span, hz in rest
        if (span, hz) not in repeated and BEEP_HZ[0] <= hz <= BEEP_HZ[1] and BEEP_MS[0] <= span.length <= BEEP_MS[1]
    ]
    return sorted(tones + keys, key=lambda tone: tone.span)


def _steady(frames: Frames) -> list[tuple[Span, int]]:
    """Stretches of one pure tone of steady frequency."""
    pure = (frames.purity >= PURE) & (frames.level_db >= FAINTEST_TONE_DB) & ~frames.dead
    hz = frames.tone_hz
    goes_on = pure[1:] & pure[:-1] & (np.abs(np.diff(hz)) <= STEADY_HZ)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], goes_on.astype(np.int8), [0]))))
    found: list[tuple[Span, int]] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        span, middle = Span(int(start) * HOP_MS, int(end + 1) * HOP_MS), round(float(np.median(hz[start : end + 1])))
        if found and span.start - found[-1][0].end <= BREAK_MS and abs(found[-1][1] - middle) <= STEADY_HZ:
            found[-1] = (Span(found[-1][0].start, span.end), middle)
        elif np.ptp(hz[start : end + 1]) <= 2 * STEADY_HZ:
            found.append((span, middle))
    return [(span, middle) for span, middle in found if span.length >= SHORTEST_TONE_MS]


def _has_fellow(span: Span, calling: list[tuple[Span, int]]) -> bool:
    return any(CALLING_PERIOD_MS[0] <= abs(other.start - span.start) <= CALLING_PERIOD_MS[1] for other, _hz in calling)


def _repeated(tones: list[tuple[Span, int]]) -> list[tuple[Span, int]]:
    """Tones of one frequency and length that come at least three times at equal distances."""
    found: list[tuple[Span, int]] = []
    for position in range(len(tones) - REPEATS + 1):
        group = tones[position : position + REPEATS]
        spans = [span for span, _hz in group]
        steps = [later.start - earlier.start for earlier, later in pairwise(spans)]
        lengths = [span.length for span in spans]
        pitches = [hz for _span, hz in group]
        if max(steps) - min(steps) <= 120 and max(lengths) - min(lengths) <= 120 and max(pitches) - min(pitches) <= 20:
            found += [one for one in group if one not in found]
    return found


def _keys(frames: Frames) -> list[Tone]:
    """Keys pressed on a telephone (ITU-T Q.23): one tone of each of two groups, both strong."""
    low = np.minimum(frames.tone_hz, frames.second_hz)
    high = np.maximum(frames.tone_hz, frames.second_hz)
    row, column = _nearest(low, ROWS_HZ), _nearest(high, COLUMNS_HZ)
    both = (frames.pair_purity >= KEY_PAIR_PURE) & (frames.purity <= 0.85) & (row >= 0) & (column >= 0) & ~frames.dead
    code = np.where(both, row * 4 + column, -1)
    edges = np.flatnonzero(np.diff(np.concatenate(([-1], code, [-1]))))
    keys: list[Tone] = []
    for start, end in pairwise(edges):
        pressed = int(code[start]) if start < len(code) else -1
        if pressed >= 0 and (end - start) * HOP_MS >= KEY_MS:
            span = Span(int(start) * HOP_MS, int(end) * HOP_MS)
            keys.append(Tone("key", span, ROWS_HZ[pressed // 4], KEYS[pressed // 4][pressed % 4]))
    return keys


def _nearest(hz: np.ndarray, wanted: tuple[int, ...]) -> np.ndarray:
    """The index of the frequency that is met, -1 where none is."""
    target = np.array(wanted, dtype=np.float32)
    off = np.abs(hz[:, None] - target) / target
    best = off.argmin(axis=1)
    return np.where(off.min(axis=1) <= KEY_TOLERANCE, best, -1)
