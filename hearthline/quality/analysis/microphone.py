"""How an operator sounds: loudness, noise, clipping, speed of speaking. Pure; levels in dB of full scale (a full sine is -3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearthline.quality.analysis.frames import HOP_MS, QUIETEST_DB, Floats, Frames
from hearthline.quality.analysis.voice import Span

LEAST_SPEECH_MS, LEAST_PACE_MS = 300, 1000  # with less speech nothing can be said of its loudness, its pace
NUCLEUS_DIP_DB = 2.0  # between two vowels the sound falls by so much (as de Jong and Wempe found for spoken Dutch)
NUCLEUS_SMOOTH = 5  # frames of 10 ms
NUCLEUS_APART_MS = 80  # nobody speaks faster than twelve syllables a second
NUCLEUS_BELOW_DB = 22.0  # a vowel is at most so much weaker than the strongest ones
_VOWEL_BANDS = slice(1, 8)  # 300 to 2200 Hz: vowels, hardly any hiss


@dataclass(frozen=True, slots=True)
class Microphone:
    speech_db: float | None  # None: too little speech to judge
    noise_db: float | None
    snr_db: float | None
    clipped_share: float
    dead_share: float
    syllables_per_s: float | None


def microphone_of(frames: Frames, speech: Sequence[Span], presences: Sequence[Span]) -> Microphone:
    """`speech` of this channel; `presences`: while its owner was on the line."""
    spoken = mask_of(speech, len(frames))
    here = mask_of(presences, len(frames))
    quiet = here & ~_widened(spoken, 15) & ~frames.dead
    heard_ms = int(spoken.sum()) * HOP_MS
    loud = speech_db(frames, spoken) if heard_ms >= LEAST_SPEECH_MS else None
    noise = noise_db(frames, quiet)
    return Microphone(
        speech_db=loud,
        noise_db=noise,
        snr_db=snr_db(loud, noise),
        clipped_share=clipped_share(frames, spoken),
        dead_share=dead_share(frames, here),
        syllables_per_s=syllables_per_s(frames, speech) if heard_ms >= LEAST_PACE_MS else None,
    )


def speech_db(frames: Frames, spoken: NDArray[np.bool_]) -> float:
    """The mean power of speech, dB of full scale. Telephones are made for -26 to -16; below -38 one is hardly understood."""
    return _mean_db(frames.level_db[spoken])


def noise_db(frames: Frames, quiet: NDArray[np.bool_]) -> float | None:
    """The middle level of the channel while its owner says nothing, dB of full scale; None: there was no such moment (or the
    browser sent nothing at all meanwhile). A quiet room with a headset is below -60, a street or an office is above -45."""
    return round(float(np.median(frames.level_db[quiet])), 1) if quiet.sum() >= 20 else None


def snr_db(loud: float | None, noise: float | None) -> float | None:
    """How much speech stands above noise, dB. The power of the noise, which is in the speech too, is taken out. Below 15 the contact
    has to strain, at 5 to guess."""
    if loud is None or noise is None:
        return None
    power, hiss = 10 ** (loud / 10), 10 ** (noise / 10)
    return round(10 * float(np.log10(max(power - hiss, hiss / 10) / hiss)), 1)


def clipped_share(frames: Frames, spoken: NDArray[np.bool_]) -> float:
    """The share, 0..1, of 10 ms of speech in which the microphone was cut off: it is turned up too far, or too near."""
    total = int(spoken.sum())
    return round(int((frames.clipped[spoken] > 0).sum()) / total, 4) if total else 0.0


def dead_share(frames: Frames, here: NDArray[np.bool_]) -> float:
    """The share, 0..1, of the time in which exactly nothing came: a muted microphone, or no packets."""
    total = int(here.sum())
    return round(int(frames.dead[here].sum()) / total, 4) if total else 0.0


def syllables_per_s(frames: Frames, speech: Sequence[Span]) -> float:
    """Syllables in a second of speech (pauses of less than `voice.BRIDGED_MS` included), by the rises and falls of the vowels'
    loudness. Russian and English are spoken at 4 to 6; above 7 nobody follows a script read to them."""
    envelope = _envelope(frames)
    count = sum(len(_nuclei(envelope[span.start // HOP_MS : span.end // HOP_MS])) for span in speech)
    total_s = sum(span.length for span in speech) / 1000
    return round(count / total_s, 2) if total_s else 0.0


def mask_of(spans: Sequence[Span], length: int) -> NDArray[np.bool_]:
    """True for each frame within a span."""
    mask = np.zeros(length, dtype=np.bool_)
    for span in spans:
        mask[span.start // HOP_MS : span.end // HOP_MS] = True
    return mask


def _envelope(frames: Frames) -> Floats:
    power = (10 ** (frames.bands_db[:, _VOWEL_BANDS] / 10)).sum(axis=1)
    window = np.hanning(NUCLEUS_SMOOTH + 2)[1:-1] / np.hanning(NUCLEUS_SMOOTH + 2).sum()
    smooth = np.convolve(power, window)[len(window) // 2 :][: len(power)]
    return (10 * np.log10(np.maximum(smooth, 10 ** (QUIETEST_DB / 10)))).astype(np.float32)


def _nuclei(envelope: Floats) -> list[int]:
    """Where vowels are: peaks with a dip before them."""
    if len(envelope) < 3:
        return []
    inner = envelope[1:-1]
    peaks = np.flatnonzero((inner > envelope[:-2]) & (inner >= envelope[2:])) + 1
    bar = float(np.percentile(envelope, 95)) - NUCLEUS_BELOW_DB
    kept: list[int] = []
    for peak in peaks[envelope[peaks] >= bar]:
        if not kept:
            kept.append(int(peak))
            continue
        last = kept[-1]
        dip = float(envelope[last:peak].min())
        lower = min(float(envelope[last]), float(envelope[peak]))
        if lower - dip >= NUCLEUS_DIP_DB and (peak - last) * HOP_MS >= NUCLEUS_APART_MS:
            kept.append(int(peak))
        elif envelope[peak] > envelope[last]:
            kept[-1] = int(peak)
    return kept


def _widened(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Speech fades: so many frames around it are no quiet."""
    # "same" of a call shorter than the window would be as long as the window
    return np.convolve(mask, np.ones(2 * by + 1))[by : by + len(mask)] > 0


def _mean_db(level_db: Floats) -> float:
    return round(10 * float(np.log10(np.mean(10 ** (level_db.astype(np.float64) / 10)))), 1)
