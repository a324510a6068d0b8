"""Who spoke when: stretches of speech of one channel, by its loudness above the line's own noise.

The noise is followed in each band of frequency: its floor is the quiet tenth of the ten seconds around. Two looks are taken. The coarse
one smooths over a third of a second, longer than a syllable, so that a voice is told from voices in the background, whose sum is
steadier; how much noise moves is measured on the call itself. The fine one finds, within what the coarse one holds for speech, where
it begins, pauses and ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearthline.quality.analysis.frames import HOP_MS, Floats, Frames

FLOOR_REACH_MS = 5000  # the noise's floor is judged on so much before and after
FLOOR_SHARE = 10  # per cent of frames that are quieter than the floor
FLOOR_RISES_DB = 12.0  # the floor of one place may stand so much above the floor of the whole call, not more
FAINTEST_DB = -70.0  # of a band; what is fainter is no voice that anybody hears
COARSE_MS, FINE_MS = 310, 50  # what the two looks smooth over
COARSE_LEAST_DB, FINE_LEAST_DB = 2.5, 4.0  # above the floor, however calm the noise
COARSE_SPREADS, FINE_SPREADS = (
    2.2,
    1.0,
)  # a voice stands out more than noise does, by so many standard deviations of noise
GATED_SHARE = 0.1  # of frames of nothing: a line that may send nothing while nobody speaks
STEADY_MEAN_DB, STEADY_SPREAD_DB = 5.0, 3.5  # noise lies near its own floor and moves little; weak speech does neither
BRIDGED_MS = 300  # a shorter pause is part of speaking
TONE_EDGE_MS = 30  # where a tone sets in it is no tone yet
SHORTEST_MS = 120  # a shorter sound is a click


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` to `end`, milliseconds from the beginning of the recording."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def overlap(self, other: Span) -> int:
        return max(0, min(self.end, other.end) - max(self.start, other.start))


def speech_of(frames: Frames, tones: list[Span] | None = None) -> list[Span]:
    """Stretches of speech, in order; `tones` (of a fax, a key, a beep) are no speech."""
    silent = frames.dead.copy()
    for tone in tones or []:
        silent[max(0, tone.start - TONE_EDGE_MS) // HOP_MS : (tone.end + TONE_EDGE_MS) // HOP_MS] = True
    if silent.all():
        return []
    power: Floats = np.power(np.float32(10), np.maximum(frames.bands_db, np.float32(FAINTEST_DB)) / 10).astype(
        np.float32
    )
    power[silent] = np.float32(10 ** (FAINTEST_DB / 10))
    counts = ~silent
    coarse = _above_floor(power, COARSE_MS, counts)
    mean, spread = _of_noise(coarse[~silent])
    steady = mean < STEADY_MEAN_DB and spread < STEADY_SPREAD_DB
    if frames.dead.mean() >= GATED_SHARE and not steady:
        # nothing is sent while nobody speaks: what there is is speech, and nothing itself is the floor
        counts, mean, spread = counts | frames.dead, 0.0, 0.0
        coarse = _above_floor(power, COARSE_MS, counts)
    likely = (coarse >= max(COARSE_LEAST_DB, mean + COARSE_SPREADS * spread)) & ~silent
    fine = _above_floor(power, FINE_MS, counts)
    noise = fine[~likely & counts]
    bar = max(FINE_LEAST_DB, float(noise.mean() + FINE_SPREADS * noise.std())) if len(noise) else FINE_LEAST_DB
    return _spans(likely & (fine >= bar))


def _above_floor(power: Floats, smoothed_ms: int, counts: NDArray[np.bool_]) -> Floats:
    """dB of each frame above the floor, which is judged on the frames that count. Bands with more noise count less, by the square
    root of it."""
    smooth = np.maximum(_smoothed(power, smoothed_ms // HOP_MS | 1), np.float32(10 ** (FAINTEST_DB / 10)))
    floor = 10 ** (noise_floor((10 * np.log10(smooth)).astype(np.float32), counts) / 10)
    weight = floor**-0.5
    above: Floats = (10 * np.log10((smooth * weight).sum(axis=1) / (floor * weight).sum(axis=1))).astype(np.float32)
    return above


def _of_noise(score: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the quieter of two normal distributions that together explain the scores."""
    counts, edges = np.histogram(score, bins=240, range=(-10, 50))
    at = (edges[:-1] + edges[1:]) / 2
    means = np.percentile(score, [15, 90]).astype(np.float64)
    spreads = np.array([1.5, 6.0])
    shares = np.array([0.6, 0.4])
    for _round in range(30):
        likely = shares * np.exp(-(((at[:, None] - means) / spreads) ** 2) / 2) / spreads + 1e-12
        weight = likely / likely.sum(axis=1, keepdims=True) * counts[:, None]
        total = weight.sum(axis=0) + 1e-9
        means = (weight * at[:, None]).sum(axis=0) / total
        spreads = np.maximum(np.sqrt((weight * (at[:, None] - means) ** 2).sum(axis=0) / total), 0.3)
        shares = total / total.sum()
    quieter = int(means.argmin())
    return float(means[quieter]), float(spreads[quieter])


def noise_floor(bands: Floats, counts: NDArray[np.bool_]) -> Floats:
    """The floor of each band at each frame. Shapes: (frames, bands) both; frames that do not count are left out."""
    if not counts.any():
        return np.full_like(bands, FAINTEST_DB)
    step = 2000 // HOP_MS  # judged every other second, and drawn straight in between
    reach = FLOOR_REACH_MS // HOP_MS
    whole = np.percentile(bands[counts], FLOOR_SHARE, axis=0)
    centres = np.arange(0, len(bands), step)
    floors = np.empty((len(centres), bands.shape[1]), dtype=np.float32)
    for row, centre in enumerate(centres):
        near = slice(max(0, centre - reach), centre + reach)
        seen = bands[near][counts[near]]
        floors[row] = np.percentile(seen, FLOOR_SHARE, axis=0) if len(seen) >= 100 else whole
    floors = np.minimum(floors, whole + FLOOR_RISES_DB).astype(np.float32)
    at = np.arange(len(bands))
    return np.stack([np.interp(at, centres, floors[:, band]) for band in range(bands.shape[1])], axis=1).astype(
        np.float32
    )


def _smoothed(rows: Floats, width: int) -> Floats:
    """The mean over `width` frames, centred."""
    half = width // 2
    padded = np.pad(rows, ((half + 1, half), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    return ((sums[width:] - sums[:-width]) / width).astype(np.float32)


def _spans(loud: NDArray[np.bool_]) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0])))) * HOP_MS
    sounds = [Span(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [span for span in bridged(sounds, BRIDGED_MS) if span.length >= SHORTEST_MS]


def within(spans: list[Span], limits: list[Span]) -> list[Span]:
    """What of the spans lies within the limits (both in order, neither overlapping itself)."""
    cut = [Span(max(s.start, lim.start), min(s.end, lim.end)) for lim in limits for s in spans if s.overlap(lim)]
    return sorted(cut)


def bridged(spans: list[Span], pause_ms: int) -> list[Span]:
    """Neighbours with a shorter pause between them become one."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start - joined[-1].end < pause_ms:
            joined[-1] = Span(joined[-1].start, max(span.end, joined[-1].end))
        else:
            joined.append(span)
    return joined
